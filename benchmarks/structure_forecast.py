"""A19: the error that a learning curve of n rows foretells at 2n and 4n, against what it is.

The learner whose curve was measured is fitted to 2n and 4n rows and judged on the table's own test
rows, which neither the curve nor its fit has seen.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

from app.science.architecture import learning_curve as curves
from app.science.architecture.forecast import Forecast, Interval, forecast
from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.first_look import first_look
from app.science.mimicry import target as targets
from benchmarks.data import CORE, QUICK
from benchmarks.mimicry_tables import BenchmarkProblem, Floats, load
from benchmarks.structure_row import Row

FACTORS = (2, 4)
MOST = 16_000
MIN_ROWS = 3000
SEED = 0
MAX_TEST = 4000
SMALL = 700
"""Beside a quarter of the table: where curves are still steep."""


@dataclass(frozen=True)
class Comparison:
    """One forecast beside the measured error, in the task's metric."""

    table: str
    seed: int
    rows: int
    factor: int
    predicted: float
    low: float
    high: float
    measured: float

    @property
    def relative_error(self) -> float:
        """Of the prediction, absolute."""
        return abs(self.predicted / self.measured - 1.0)

    @property
    def covered(self) -> bool:
        """Whether the band holds the measured error."""
        return self.low <= self.measured <= self.high


def rows(quick: bool) -> list[Row]:
    """Forecast every core table; ``quick`` takes four, too few for a coverage."""
    found = [
        each
        for name in tqdm(QUICK if quick else CORE, desc="forecast", file=sys.stderr)
        for each in compare(name, SEED)
    ]
    median = float(np.median([each.relative_error for each in found]))
    share = float(np.mean([each.covered for each in found]))
    detail = {"comparisons": [asdict(each) for each in found]}
    return [
        Row(
            "A19 forecast at 2n and 4n: median relative error",
            round(median, 4),
            "<= 0.15",
            median <= 0.15,
            detail,
        ),
        Row(
            "A19 forecast: coverage of the 80 % band",
            round(share, 3),
            "0.75 to 0.90",
            None if quick else 0.75 <= share <= 0.90,
            {"n": len(found)},
        ),
    ]


def compare(name: str, seed: int) -> Iterator[Comparison]:
    """All comparisons of one table; none where it has too few rows."""
    problem = load(name, seed)
    if len(problem.rest_x) + len(problem.test_x) < MIN_ROWS:
        return
    rng = np.random.default_rng([seed, 99])
    order = rng.permutation(len(problem.rest_x))[:MOST]
    test = rng.permutation(len(problem.test_x))[:MAX_TEST]
    x = np.concatenate([problem.rest_x[order], problem.test_x[test]])
    y = np.concatenate([problem.rest_y[order], problem.test_y[test]])
    held = np.arange(len(order), len(x))
    learner = curves.Learner(x, targets.make(y, problem.task, problem.classes), seed)
    for n in sorted({len(order) // 4, min(SMALL, len(order) // 4)}):
        found = _forecast(problem, x[:n], y[:n], seed)
        for factor in FACTORS:
            losses = learner.row_losses(np.arange(factor * n), held, found.curve.kernel)
            risk = float(losses.mean()) * learner.target.scale**2
            ahead = found.at(factor * n)
            yield Comparison(
                name, seed, n, factor, ahead.value, ahead.low, ahead.high,
                risk**0.5 if problem.task == "regression" else risk,
            )  # fmt: skip


def _forecast(problem: BenchmarkProblem, x: Floats, y: Floats, seed: int) -> Forecast:
    curve = curves.measure(x, y, problem.task, classes=problem.classes, seed=seed)
    return forecast(curve, dimension_of(x, seed), seed=seed)


def dimension_of(x: Floats, seed: int) -> Interval:
    """The intrinsic dimension of the rows; their number of columns where it stays unknown."""
    try:
        found = first_look(x, seed=seed)
    except (TooFewRows, DegenerateDistances):
        return Interval(float(x.shape[1]), 1.0, float(x.shape[1]))
    return Interval(found.value, found.low, found.high)


def _print(found: Sequence[Row]) -> None:
    for row in found:
        print(f"{row.name}: {row.measured} ({row.bar}) {row.passed}")


if __name__ == "__main__":
    _print(rows("--quick" in sys.argv))
