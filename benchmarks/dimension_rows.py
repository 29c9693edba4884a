"""One row of the dimension benchmark, and how rows are printed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.intrinsic_dimension.recommended import Recommended
from app.science.intrinsic_dimension.report import measure

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Row:
    """What was measured against which bar.

    Parameters
    ----------
    passed : None where the row only informs, or where it could not be measured
    values : the numbers behind ``measured``
    """

    what: str
    measured: str
    bar: str = ""
    passed: bool | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """Our answer on a cloud of known dimension, and others' raw numbers."""

    name: str
    truth: float
    best: Recommended
    flags: tuple[str, ...]
    others: dict[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        return bool(self.best.low <= self.truth <= self.best.high)

    @property
    def error(self) -> float:
        """Relative error of the value."""
        return float(abs(self.best.value / self.truth - 1))

    @property
    def width(self) -> float:
        """Width of the interval relative to the value."""
        return (self.best.high - self.best.low) / self.best.value


def read(name: str, truth: float, points: Points, seed: int = 0) -> Reading:
    """Measure with the library's defaults."""
    report = measure(points, seed=seed)
    return Reading(name, truth, report.recommended, report.flags)


def span(best: Recommended) -> str:
    """Value and interval."""
    return f"{best.value:.2f} [{best.low:.2f}, {best.high:.2f}]"


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    words = {True: "pass", False: "FAIL", None: ""}
    lines = [f"{'what':<58} {'measured':<52} {'bar':<26} pass"]
    lines += [f"{r.what:<58} {r.measured:<52} {r.bar:<26} {words[r.passed]}" for r in rows]
    return "\n".join(lines)
