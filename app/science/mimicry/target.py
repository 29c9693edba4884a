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
UNLIMITED = 2.0**127
"""A limit that no number reaches, exact in float32."""
PILED_UP = 0.02
"""Share of the rows at the least or the largest value from which it counts as an end."""


@dataclass(frozen=True)
class Ends:
    """Values beyond which the target does not go, in the unit of ``Target.columns``; None: none."""

    low: float | None = None
    high: float | None = None

    def __bool__(self) -> bool:
        """There is one."""
        return self.low is not None or self.high is not None

    def scaled(self, factor: float, center: float) -> "Ends":
        """The same in another unit; the factor is positive."""
        low, high = (
            None if end is None else end * factor + center for end in (self.low, self.high)
        )
        return Ends(low, high)

    @property
    def sides(self) -> tuple[float, float]:
        """Both as numbers, ``UNLIMITED`` where there is none."""
        return (
            -UNLIMITED if self.low is None else self.low,
            UNLIMITED if self.high is None else self.high,
        )

    def clip(self, values: Floats) -> Floats:
        """No further than the ends."""
        return np.clip(values, *self.sides) if self else values

    def moved(self, columns: Floats, outputs: Floats) -> Floats:
        """The targets, those at an end moved to the outputs that lie beyond it."""
        found = np.broadcast_to(columns, outputs.shape).copy()
        if self.low is not None:
            np.minimum(found, outputs, out=found, where=columns <= self.low)
        if self.high is not None:
            np.maximum(found, outputs, out=found, where=columns >= self.high)
        return found


@dataclass(frozen=True)
class Target:
    """The target's task, its classes (empty for regression) and its unit.

    raw : (n,), float64 for regression, else class numbers from 0; center, scale : unit of the
    target, 0 and 1 for classes; limits : ends of a regression, to which outputs are clipped
    """

    task: Task
    classes: tuple[str, ...]
    raw: NDArray[Any]
    center: float
    scale: float
    limits: Ends = Ends()

    @property
    def ends(self) -> Ends:
        """Of ``columns``: the limits, or 0 and 1 for classes."""
        return self.limits if self.task == "regression" else Ends(0.0, 1.0)

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
            outputs = self.limits.clip(raw_output[:, 0])
            return np.asarray((outputs - self.columns()[rows, 0]) ** 2)
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
    limits: Ends | None = None,
) -> Target:
    """Read a target column.

    Parameters
    ----------
    y : (n,), numbers, or class numbers from 0
    unit : center and scale of a regression target; by default its mean and standard deviation
    limits : of a regression target; by default where at least ``PILED_UP`` of the rows lie

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
    if limits is None:
        limits = _limits((values - center) / scale)
    return Target(task, (), values, center, scale, limits)


def _limits(values: Floats) -> Ends:
    low, high = values.min(), values.max()
    return Ends(
        float(low) if (values == low).mean() >= PILED_UP else None,
        float(high) if (values == high).mean() >= PILED_UP else None,
    )


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
