"""Seconds and memory of a job before it runs: closed formulas with measured coefficients.

Each phase costs a sum of non-negative coefficients times drivers (rows, cells, products of the
kernel's Gram matrix). ``cost.json`` holds the coefficients, the measurements behind them and the
ratios actual / formula of tables left out of the fit, whose quantiles make p50 and p90.

Source: McCullagh and Nelder 1989, "Generalized Linear Models", chapter 8 (gamma errors); Vovk,
Gammerman and Shafer 2005, "Algorithmic Learning in a Random World" (the quantile's rank). Fitted
by ``make_cost.py``.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("cost.json")
FORMAT = "adaptnet-cost/1"
START = "start"
"""The pseudo-phase before the first one: the process, its libraries, the file."""
MOST_CENTERS = 3000
ROWS_PER_CENTER = 3
SEARCH_ROWS = 6000
FINE_TUNE_SHARE = 0.3
FINE_TUNED = ("teacher", "compress", "transfer")
"""A fine-tune may take this share of what these phases took."""

Coefficients = Mapping[str, float]
SECONDS_DRIVERS = ("fixed", "rows", "cells", "output_cells", "search", "search_outputs")
KERNEL_DRIVERS = (*SECONDS_DRIVERS, "gram")
KERNEL_PHASES = ("teacher", "compress", "transfer", "correct")
"""Only these sum Gram matrices; elsewhere a few small jobs would take the driver for the rows."""
MEMORY_DRIVERS = ("fixed", "rows", "cells", "output_cells", "centers")
"""A Gram matrix is summed over blocks of rows: its memory does not grow with them."""


@dataclass(frozen=True, slots=True)
class CostOptions:
    """What is asked for, and what there is.

    Parameters
    ----------
    phases : names of the job's phases; leave out what the body switches off; None for all
    baseline_seconds : limit of the phase ``baseline``
    memory_bytes, max_seconds : what one attempt may use; None for no limit
    """

    phases: tuple[str, ...] | None = None
    fine_tune: bool = False
    baseline_seconds: float | None = None
    memory_bytes: int | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Half of all jobs stay below p50, nine of ten below p90. Seconds, and bytes at the peak.

    by_phase : seconds of each phase at p50; accepted : nothing says that the job cannot end
    """

    seconds_p50: float
    seconds_p90: float
    memory_p50: int
    memory_p90: int
    by_phase: Mapping[str, float]
    warnings: tuple[str, ...]
    accepted: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class CostTable:
    """The fitted coefficients.

    Parameters
    ----------
    seconds : for each phase, a coefficient a driver
    memory : coefficients of the peak, in bytes
    seconds_ratio, memory_ratio : quantiles of actual / formula, by ``p50`` and ``p90``
    fitted_on : jobs, date, threads, and ranges of rows, columns and classes
    """

    seconds: Mapping[str, Coefficients]
    memory: Coefficients
    seconds_ratio: Mapping[str, float]
    memory_ratio: Mapping[str, float]
    fitted_on: Mapping[str, Any]


@lru_cache(maxsize=1)
def load_table() -> CostTable:
    """Read the table that ships with the package."""
    document = json.loads(FILE.read_text())
    return CostTable(**{name: document[name] for name in CostTable.__dataclass_fields__})


def drivers(rows: int, columns: int, classes: int) -> dict[str, float]:
    """What costs grow with, each about 1 for 10,000 rows of 10 columns.

    Parameters
    ----------
    rows : of the whole table; columns : features; classes : 0 for a regression
    """
    outputs = max(1, classes)
    centers = min(rows / ROWS_PER_CENTER, MOST_CENTERS)
    return {
        "fixed": 1.0,
        "rows": rows / 1e4,
        "cells": rows * columns / 1e5,
        "output_cells": rows * (outputs - 1) / 1e4,
        "gram": rows * centers**2 / 9e10,
        "centers": centers**2 / MOST_CENTERS**2,
        "search": min(rows, SEARCH_ROWS) * columns / 6e4,
        "search_outputs": min(rows, SEARCH_ROWS) * (outputs - 1) / 6e3,
    }


def estimate(
    rows: int,
    columns: int,
    classes: int = 0,
    options: CostOptions | None = None,
    table: CostTable | None = None,
) -> Estimate:
    """Predict what a job costs, and say whether it can run.

    Parameters
    ----------
    rows : of the dataset; columns : features; classes : of the target, 0 for a regression
    table : the fitted coefficients, by default those that ship with the package
    """
    asked, known = options or CostOptions(), table or load_table()
    at = drivers(rows, columns, classes)
    phases = _phase_seconds(at, asked, known)
    seconds = sum(phases.values())
    memory = weighted(known.memory, at)
    found = Estimate(
        seconds_p50=seconds * known.seconds_ratio["p50"],
        seconds_p90=seconds * known.seconds_ratio["p90"],
        memory_p50=round(memory * known.memory_ratio["p50"]),
        memory_p90=round(memory * known.memory_ratio["p90"]),
        by_phase={name: value * known.seconds_ratio["p50"] for name, value in phases.items()},
        warnings=(),
        accepted=True,
        reason="fits the limits",
    )
    warnings = (
        *_unmeasured(asked, known),
        *_outside(rows, columns, classes, known),
        *_close(found, asked),
    )
    refusal = _refusal(found, asked)
    return Estimate(
        **{
            **{name: getattr(found, name) for name in Estimate.__dataclass_fields__},
            "warnings": warnings,
            "accepted": refusal is None,
            "reason": refusal or found.reason,
        }
    )


def weighted(coefficients: Coefficients, at: Mapping[str, float]) -> float:
    """Sum of coefficient times driver."""
    return sum(value * at[name] for name, value in coefficients.items())


def upper_quantile(ratios: Sequence[float], level: float) -> float:
    """The value that a new ratio stays below with probability ``level``, if it is like the others.

    Its rank is ceil(level (k + 1)), the largest of all where there are too few.
    """
    ordered = sorted(ratios)
    rank = min(len(ordered), math.ceil(level * (len(ordered) + 1)))
    return ordered[rank - 1]


def _phase_seconds(
    at: Mapping[str, float], asked: CostOptions, table: CostTable
) -> dict[str, float]:
    wanted = table.seconds if asked.phases is None else (START, *asked.phases)
    found = {name: weighted(table.seconds[name], at) for name in wanted if name in table.seconds}
    if asked.baseline_seconds is not None and "baseline" in found:
        found["baseline"] = min(found["baseline"], asked.baseline_seconds)
    if asked.fine_tune:
        found["fine_tune"] = FINE_TUNE_SHARE * sum(found.get(name, 0.0) for name in FINE_TUNED)
    return found


def _unmeasured(asked: CostOptions, table: CostTable) -> list[str]:
    missing = [name for name in asked.phases or () if name not in table.seconds]
    if not missing:
        return []
    return [f"the seconds leave out {', '.join(missing)}: nothing was measured for them"]


def _outside(rows: int, columns: int, classes: int, table: CostTable) -> list[str]:
    given = {"rows": rows, "columns": columns, "classes": classes}
    ranges = table.fitted_on["ranges"]
    return [
        f"{value:,} {name} lie outside the measured {ranges[name][0]:,} to {ranges[name][1]:,}: "
        "the estimate is extrapolated"
        for name, value in given.items()
        if not ranges[name][0] <= value <= ranges[name][1]
    ]


def _close(found: Estimate, asked: CostOptions) -> list[str]:
    close = []
    if asked.max_seconds is not None and found.seconds_p90 > asked.max_seconds:
        close.append(
            f"one job in ten like this takes longer than {found.seconds_p90:,.0f} s; the limit is "
            f"{asked.max_seconds:,.0f} s"
        )
    if asked.memory_bytes is not None and found.memory_p90 > asked.memory_bytes:
        close.append(
            f"one job in ten like this needs more than {_mebibytes(found.memory_p90)}; the worker "
            f"has {_mebibytes(asked.memory_bytes)}"
        )
    return close


def _refusal(found: Estimate, asked: CostOptions) -> str | None:
    """A job is refused only where it would fail more often than not."""
    if asked.memory_bytes is not None and found.memory_p50 > asked.memory_bytes:
        return (
            f"needs about {_mebibytes(found.memory_p50)} of memory and the worker has "
            f"{_mebibytes(asked.memory_bytes)}; use fewer rows or columns"
        )
    if asked.max_seconds is not None and found.seconds_p50 > asked.max_seconds:
        return (
            f"takes about {found.seconds_p50:,.0f} s and the limit is {asked.max_seconds:,.0f} s; "
            "use fewer rows, leave out baselines, or raise the limit"
        )
    return None


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"
