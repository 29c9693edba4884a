"""Losses of a cheap convex teacher at nested sample sizes, each row judged by who never saw it.

The learner is kernel ridge on random centers; columns are scaled by their gains in a few boosted
trees, found anew at every size, since a model of few rows has to find them in few rows too. Small
tables are cross-validated, large ones judged on one part that is held out.

Source: Viering and Loog 2023, doi:10.1109/TPAMI.2022.3220744 (how learning curves are measured);
Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717 (centers in proportion to the root of the rows).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from app.science.errors import TooFewRows
from app.science.linalg import Floats, GramSums, gram_sums, median_squared_distance, ridge_gcv
from app.science.mimicry import scores
from app.science.mimicry import target as targets
from app.science.mimicry.kernels import KERNELS, KernelName, kernel_matrix
from app.science.mimicry.search import column_gains
from app.science.mimicry.target import Ints, Target
from app.science.relu_network.network import Task

MIN_ROWS = 200
N_SIZES = 6
MAX_ROWS = 16_000
"""The largest size that is measured."""
MIN_SIZE = 64
SPAN = 32
"""Largest over smallest size, where the rows allow it."""
FOLDS_BELOW = ((2000, 5), (6000, 2))
"""Rows, and the folds of a table with fewer; a larger one has one held-out part."""
HELD_SHARE = 0.2
MAX_HELD = 4000
DRAW_ROWS = 8000
"""A size is drawn twice where both draws of all folds together take no more rows."""
CENTERS_PER_ROOT = 8.0
GAIN_ROWS = 2000
KERNEL_ROWS = 1000
SCORE_ROWS = 2000
JITTER = 1e-5
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-9.0, 0.1, 0.5))
Progress = Callable[[float, str], None] | None


@dataclass(frozen=True)
class LearningCurve:
    """Mean losses by training rows.

    sizes : (k,), ascending; losses : (k,), squared error in the target's unit, or nats;
    covariance : (k, k), of the sampling error of ``losses``; n_rows : rows of the table
    """

    task: Task
    sizes: Ints
    losses: Floats
    covariance: Floats
    n_rows: int
    kernel: KernelName


@dataclass(frozen=True)
class Learner:
    """Kernel ridge as cheap as it gets, on any rows of one table.

    X : (n, p), encoded rows
    """

    X: Floats
    target: Target
    seed: int

    def row_losses(self, rows: Ints, held: Ints, kernel: KernelName) -> Floats:
        """(h,), losses at the held rows of a fit to ``rows``: over the variance, or in nats."""
        columns = self.target.columns()[rows]
        rng = np.random.default_rng([self.seed, len(rows)])
        scale = np.sqrt(column_gains(self.X[rows[:GAIN_ROWS]], columns[:GAIN_ROWS], rng))
        Z = self.X[rows] * scale
        width = median_squared_distance(Z, rng) * KERNELS[kernel].bandwidth ** 2
        centers = Z[: min(round(CENTERS_PER_ROOT * len(Z) ** 0.5), len(Z) // 2)]
        features = kernel_matrix(kernel, Z, centers, width)
        square = kernel_matrix(kernel, centers, centers, width)
        square[np.diag_indices_from(square)] += JITTER
        sums = gram_sums([(features, columns)])
        fit = ridge_gcv(sums, square, penalties=PENALTIES)
        away = kernel_matrix(kernel, self.X[held] * scale, centers, width)
        outputs = away @ fit.weights + fit.intercept
        if self.target.task == "regression":
            return self.target.losses(outputs.clip(columns.min(), columns.max()), held)
        some = features[:SCORE_ROWS]
        residual = columns[:SCORE_ROWS] - (some @ fit.weights + fit.intercept)
        keep = 1.0 - _leverages(some, sums, fit.penalty * square)
        honest = columns[:SCORE_ROWS] - residual / np.maximum(keep, 0.05)[:, None]
        logits = scores.fit(honest, self.target.raw[rows[:SCORE_ROWS]])
        return self.target.losses(logits.apply(outputs), held)

    def better_kernel(self, rows: Ints, held: Ints) -> KernelName:
        """The kernel of least loss on a few rows."""
        few = rows[:KERNEL_ROWS]
        losses = {name: self.row_losses(few, held, name).mean() for name in KERNELS}
        return min(losses, key=lambda name: losses[name])


def measure(
    X: NDArray[Any],
    y: NDArray[Any],
    task: Task,
    *,
    classes: tuple[str, ...] = (),
    seed: int = 0,
    progress: Progress = None,
) -> LearningCurve:
    """Measure the curve.

    Parameters
    ----------
    X : (n, p), encoded rows; y : (n,), numbers, or class numbers from 0

    Raises
    ------
    TooFewRows
        Fewer than 200 rows: no curve can be told from noise.
    """
    if len(X) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(X))
    target = targets.make(y, task, classes)
    learner = Learner(np.asarray(X, dtype=np.float64), target, seed)
    parts = list(_parts(len(X), np.random.default_rng([seed, 23])))
    sizes = _sizes(min(MAX_ROWS, *(len(pool) for pool, _ in parts)))
    kernel = learner.better_kernel(*parts[0])
    found = []
    for index, size in enumerate(sizes):
        if progress is not None:
            progress(index / len(sizes), f"learning curve at {size} rows")
        found.append(_at(learner, int(size), parts, kernel))
    table = np.stack([rows for rows, _ in found])
    of_draws = _draw_variances(sizes, table.mean(axis=1), [draws for _, draws in found])
    unit = target.scale**2
    return LearningCurve(
        task=task,
        sizes=sizes,
        losses=table.mean(axis=1) * unit,
        covariance=(np.cov(table) / table.shape[1] + np.diag(of_draws)) * unit**2,
        n_rows=len(X),
        kernel=kernel,
    )


def _at(
    learner: Learner, size: int, parts: Sequence[tuple[Ints, Ints]], kernel: KernelName
) -> tuple[Floats, list[Floats]]:
    """Losses of all judged rows, averaged over draws; and of each part the draws' means."""
    rows, draws = [], []
    for pool, held in parts:
        twice = 2 * size <= len(pool) and 2 * size * len(parts) <= DRAW_ROWS
        drawn = np.stack(
            [
                learner.row_losses(pool[i * size : (i + 1) * size], held, kernel)
                for i in range(2 if twice else 1)
            ]
        )
        rows.append(drawn.mean(axis=0))
        draws.append(drawn.mean(axis=1))
    return np.concatenate(rows), draws


def _parts(n: int, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """(pool, held) rows in random order: folds of a small table, one split of a large one."""
    order = rng.permutation(n)
    n_folds = next((folds for below, folds in FOLDS_BELOW if n < below), 1)
    n_held = min(MAX_HELD, round(HELD_SHARE * n))
    for fold in range(n_folds):
        held = np.zeros(n, dtype=bool)
        held[fold * n_held : (fold + 1) * n_held] = True
        yield order[~held], order[held]


def _sizes(most: int) -> Ints:
    least = max(MIN_SIZE, most // SPAN)
    return np.unique(np.geomspace(least, most, N_SIZES).round().astype(np.int64))


def _draw_variances(sizes: Ints, means: Floats, draws: Sequence[Sequence[Floats]]) -> Floats:
    """(k,), variance of each mean loss over which rows were drawn to learn from.

    One relative variance that falls with the rows is fitted to all sizes that were drawn twice.
    """
    pairs = [
        size * ((pair[0] - pair[1]) / mean) ** 2 / 2.0
        for size, mean, parts in zip(sizes, means, draws, strict=True)
        for pair in parts
        if len(pair) == 2
    ]
    constant = float(np.mean(pairs)) if pairs else 0.0
    n_draws = np.array([sum(len(part) for part in parts) for parts in draws])
    return np.asarray(means**2 * constant / sizes / n_draws)


def _leverages(F: Floats, sums: GramSums, penalty: Floats) -> Floats:
    """(b,), weight of each training row on its own output; penalty : (m, m)."""
    root = scipy.linalg.cholesky(sums.gram + sums.n * penalty, lower=True, check_finite=False)
    white = scipy.linalg.solve_triangular(
        root, (F - sums.feature_mean).T, lower=True, check_finite=False
    )
    return np.asarray((white**2).sum(axis=0) + 1.0 / sums.n)
