"""Estimates before a job against what it took, on tables that the coefficients never saw.

Jobs run as ``python -m workers.offline``, each in a process of its own, so that the peak of its
memory is its own too. They are timed by the clock that the coefficients were fitted with.
"""

import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

from app.science.architecture.cost import Estimate, estimate, load_table
from app.science.architecture.make_cost import Clock, Measurement, measure
from benchmarks.data import CORE, QUICK, table_path
from benchmarks.structure_row import Row

SIZES = (700, 2500, 8000)
"""Taken in turn over the tables; a table with fewer rows gives all it has."""
QUICK_SIZES = (700, 2000)
SEED = 7
LOW, HIGH = 0.80, 0.97


@dataclass(frozen=True)
class Job:
    """One job, estimated and measured."""

    measured: Measurement
    estimated: Estimate

    @property
    def seconds_covered(self) -> bool:
        """Whether it ended within p90."""
        return self.measured.seconds <= self.estimated.seconds_p90

    @property
    def memory_covered(self) -> bool:
        """Whether its peak stayed below p90."""
        return self.measured.memory <= self.estimated.memory_p90


def rows(quick: bool) -> list[Row]:
    """Run the jobs; ``quick`` runs four small ones, too few to say."""
    names, sizes = (QUICK, QUICK_SIZES) if quick else (CORE, SIZES)
    found = [
        run(name, sizes[index % len(sizes)])
        for index, name in enumerate(tqdm(names, desc="estimates", file=sys.stderr))
    ]
    detail: dict[str, Any] = {"jobs": [asdict(job) for job in found]}
    seconds = float(np.mean([job.seconds_covered for job in found]))
    memory = float(np.mean([job.memory_covered for job in found]))
    ratios = [job.measured.seconds / job.estimated.seconds_p50 for job in found]
    return [
        _row("seconds", seconds, quick, detail),
        _row("memory", memory, quick, {"n": len(found)}),
        Row(
            "estimates: median of seconds over their p50",
            round(float(np.median(ratios)), 3),
            "about 1",
            None,
        ),
    ]


def run(name: str, n_rows: int) -> Job:
    """Estimate and measure one job."""
    clock: Clock = "cpu" if load_table().fitted_on["clock"] == "cpu" else "wall"
    found = measure(table_path(name), n_rows, seed=SEED, clock=clock)
    return Job(found, estimate(found.rows, found.columns, found.classes))


def _row(name: str, share: float, quick: bool, detail: dict[str, Any]) -> Row:
    return Row(
        f"estimates: p90 of {name} covers",
        round(share, 3),
        f"{LOW:.0%} to {HIGH:.0%} of the jobs",
        None if quick else LOW <= share <= HIGH,
        detail,
    )


if __name__ == "__main__":
    for row in rows("--quick" in sys.argv):
        print(f"{row.name}: {row.measured} ({row.bar}) {row.passed}")
