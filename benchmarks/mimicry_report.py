"""All results and bars, as JSON and as Markdown tables that read well as plain text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import (
    mimicry_jumps,
    mimicry_scaling,
    mimicry_serving,
    mimicry_size,
    mimicry_verdicts,
)
from benchmarks.dimension_rows import Row
from benchmarks.mimicry_bars import regret
from benchmarks.mimicry_result import Document
from benchmarks.mimicry_runs import OURS, Plan

WORDS = {True: "PASS", False: "MISS", None: ""}
NOTES = (
    "Losses on test rows, means over seeds: root mean squared error in standard deviations, or log "
    "loss. Every competitor gets the same encoded matrix and rows; LightGBM may choose raw numbers "
    "and category codes. Seconds are those of the chosen setting alone, ours of everything from "
    "encoded rows to the package.",
    "Who did not run on a table takes its last rank: support vectors above 10,000 training rows.",
)


@dataclass(frozen=True)
class Report:
    """Everything that was measured."""

    results: Sequence[Document]
    bars: Sequence[Row]

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "notes": NOTES,
            "bars": [row.document() for row in self.bars],
            "results": list(self.results),
        }

    def text(self) -> str:
        """For people."""
        bars = [(row.what, row.measured, row.bar, WORDS[row.passed]) for row in self.bars]
        parts = [
            markdown(_loss_header(self.results), _loss_lines(self.results)),
            markdown(("seconds", *_names(self.results)), _second_lines(self.results)),
            markdown(("what", "measured", "bar", ""), bars),
            *(f"not run: {reason}" for reason in _reasons(self.results)),
            *NOTES,
        ]
        return "\n\n".join(parts)


def make(plan: Plan, results: Sequence[Document], *, quick: bool) -> Report:
    """Judge the results, and measure what is judged beside them."""
    rows = list(mimicry_verdicts.rows(results))
    if OURS in plan.competitors:
        rows.append(mimicry_size.row(results, plan.cache))
        rows.extend(mimicry_serving.rows(results))
        rows.extend(mimicry_scaling.rows(plan.cache, quick=quick))
        rows.extend(mimicry_jumps.rows(plan.cache, quick=quick))
    return Report(results, rows)


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table whose cells are padded to their column."""
    cells = [tuple(header), *(tuple(line) for line in lines)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    ruled = [cells[0], tuple("-" * width for width in widths), *cells[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in ruled
    )


def _names(results: Sequence[Document]) -> list[str]:
    return list(dict.fromkeys(result["competitor"] for result in results))


def _loss_header(results: Sequence[Document]) -> tuple[str, ...]:
    return ("loss", *_names(results), "regret", "time ratio", "parameters")


def _loss_lines(results: Sequence[Document]) -> list[tuple[str, ...]]:
    losses = mimicry_verdicts.table_losses(results)
    ratios = mimicry_verdicts.time_ratios(results)
    sizes = {r["table"]: r.get("n_parameters") for r in results if r["competitor"] == OURS}
    lines = []
    for table, found in losses.items():
        best = min(found.values(), default=0.0)
        cells = [_loss(found.get(name), best) for name in _names(results)]
        judged = OURS in found and len(found) > 1
        lost = f"{regret(found, OURS):+.1%}" if judged else ""
        ratio = f"{ratios[table]:.2f}x" if table in ratios else ""
        lines.append((table, *cells, lost, ratio, str(sizes.get(table) or "")))
    return lines


def _loss(loss: float | None, best: float) -> str:
    if loss is None:
        return "-"
    return f"{loss:.4f}*" if loss == best else f"{loss:.4f}"


def _second_lines(results: Sequence[Document]) -> list[tuple[str, ...]]:
    """Mean over seeds; a value in brackets was not taken on a quiet machine."""
    names = _names(results)
    found: dict[str, dict[str, list[Document]]] = {}
    for result in results:
        if result["status"] == "ran":
            of_table = found.setdefault(result["table"], {})
            of_table.setdefault(result["competitor"], []).append(result)
    return [
        (table, *(_seconds(of_table.get(name, [])) for name in names))
        for table, of_table in found.items()
    ]


def _seconds(runs: Sequence[Document]) -> str:
    if not runs:
        return "-"
    mean = sum(float(run["seconds"]) for run in runs) / len(runs)
    return f"{mean:.2f}" if all(run["timed"] for run in runs) else f"({mean:.2f})"


def _reasons(results: Sequence[Document]) -> list[str]:
    return [
        f"{r['competitor']} on {r['table']}, seed {r['seed']}: {r['reason']}"
        for r in results
        if r["status"] == "not run"
    ]
