"""The target as numbers that every step shares: standardized, or one column a class.

Source: none; ridge on one-hot columns is the selection rule, the final loss is the task's own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.errors import DegenerateTarget, TooFewRows
from app.science.relu_network.network import Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_ROWS = 20


@dataclass(frozen=True)
class Target:
    """The target's task, its classes (empty for regression) and its unit.

    raw : (n,), float64 for regression, else class numbers from 0; center, scale : unit of the
    target, 0 and 1 for classes
    """

    task: Task
    classes: tuple[str, ...]
    raw: NDArray[Any]
    center: float
    scale: float

    @property
    def n_outputs(self) -> int:
        """Columns of the network's output."""
        return 1 if self.task == "regression" else len(self.classes)

    def columns(self) -> Floats:
        """(n, c): standardized values, or one-hot rows."""
        if self.task == "regression":
            return np.asarray((self.raw - self.center) / self.scale)[:, None]
        one_hot: Floats = np.eye(self.n_outputs)[self.raw]
        return one_hot

    def losses(self, raw_output: Floats, rows: Ints) -> Floats:
        """(b,), squared error in units of the variance, or cross-entropy in nats."""
        if self.task == "regression":
            return np.asarray((raw_output[:, 0] - self.columns()[rows, 0]) ** 2)
        top = raw_output.max(axis=1)
        norm = top + np.log(np.exp(raw_output - top[:, None]).sum(axis=1))
        return np.asarray(norm - raw_output[np.arange(len(rows)), self.raw[rows]])

    def loss(self, raw_output: Floats, rows: Ints) -> float:
        """Mean of ``losses``."""
        return float(self.losses(raw_output, rows).mean())


def make(
    y: NDArray[Any],
    task: Task,
    classes: tuple[str, ...] = (),
    unit: tuple[float, float] | None = None,
) -> Target:
    """Read a target column.

    Parameters
    ----------
    y : (n,), numbers, or class numbers from 0
    unit : center and scale of a regression target; by default its mean and standard deviation

    Raises
    ------
    TooFewRows, DegenerateTarget
        Fewer than 20 rows, or a single value.
    """
    if len(y) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(y))
    if np.unique(y).size < 2:
        raise DegenerateTarget("the target needs at least two different values")
    if task != "regression":
        codes = np.asarray(y).astype(np.int64)
        names = classes or tuple(str(i) for i in range(int(codes.max()) + 1))
        return Target(task, names, codes, 0.0, 1.0)
    values = np.asarray(y, dtype=np.float64)
    center, scale = unit or (float(values.mean()), float(values.std()))
    return Target(task, (), values, center, scale)


def holdout(target: Target, seed: int, share: float = 0.15, most: int = 5000) -> tuple[Ints, Ints]:
    """Split rows into (fit, validation), in random order and the same for the same seed.

    Classes keep their shares as far as their counts allow; a class never loses its last row.
    """
    rng = np.random.default_rng([seed, 7])
    order = rng.permutation(len(target.raw))
    n_validation = min(most, max(5, round(share * len(order))))
    if target.task == "regression":
        return order[n_validation:], order[:n_validation]
    ranks = _ranks_within_class(target.raw[order])
    counts = np.bincount(target.raw, minlength=target.n_outputs)[target.raw[order]]
    held = ranks < np.floor(counts * (n_validation / len(order)))
    return order[~held], order[held]


def _ranks_within_class(codes: Ints) -> Ints:
    by_class = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_class], codes[by_class])
    ranks = np.empty(len(codes), dtype=np.int64)
    ranks[by_class] = np.arange(len(codes)) - starts
    return ranks
