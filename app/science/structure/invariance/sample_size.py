"""How many rows an invariance is worth: predicted by theory, and measured on held-out rows.

A kernel ridge under an invariance of a finite group G learns from n rows what it otherwise learns
from n |G|, so its excess error falls by |G|^(-2 beta / (2 beta + d)). The gain saturates where the
rows are few, because orbits overlap at the boundary of the quotient; so it is measured as well:
the rows at which the plain teacher's learning curve reaches the loss of the invariant one.

Source: Tahmasebi and Jegelka 2023, arXiv:2303.14269 (n |G|); Sannai, Imaizumi and Kawano 2021,
Lemma 2 (the saturation); Nakada and Imaizumi 2020, JMLR 21(174) (the rate).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.science.linalg import Floats
from app.science.structure.invariance.teacher import PLAIN, View, fit

MOST_SAVED = 8
"""The invariant teacher gets at least an eighth of the rows: fewer teach nothing reliable."""
RESAMPLES = 200
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class EffectiveRows:
    """What ``rows`` rows are worth once the invariance is used.

    predicted : rows times the group's order; measured, low, high : rows of the plain teacher with
    the same loss, with a bootstrap interval of ``level`` over the held-out rows; beyond : the
    plain teacher needs more rows than there were, so ``measured`` is a lower bound; losses over
    the target's variance
    """

    rows: int
    predicted: float
    measured: float
    low: float
    high: float
    beyond: bool
    level: float
    plain_rows: tuple[int, ...]
    plain_losses: tuple[float, ...]
    invariant_loss: float


def error_factor(log_order: float, beta: float, dimension: float) -> float:
    """The excess error with the invariance over that without, |G|^(-2 beta / (2 beta + d)).

    Parameters
    ----------
    log_order : natural logarithm of the group's order, which may not fit a float
    """
    return math.exp(-log_order * 2.0 * beta / (2.0 * beta + dimension))


def effective_rows(
    X: Floats, Y: Floats, view: View, log_order: float, *, seed: int
) -> EffectiveRows:
    """Measure on rows in random order: the first half teaches, the second judges.

    Parameters
    ----------
    view : with the invariance
    """
    half = len(X) // 2
    rows = half // round(min(MOST_SAVED, math.exp(min(log_order, 5.0))))
    doublings = max(1, round(math.log2(half / rows)))
    sizes = (*(min(half, rows << step) for step in range(doublings)), half)
    invariant = _losses(X, Y, rows, view, seed)
    curve = [_losses(X, Y, size, PLAIN, seed) for size in sizes]
    losses = np.stack([*curve, invariant], axis=1)
    rng = np.random.default_rng([seed, 3])
    draws = (losses[rng.integers(0, len(losses), len(losses))] for _ in range(RESAMPLES))
    found = [_rows_needed(sizes, draw.mean(axis=0)) for draw in draws]
    low, high = np.quantile(found, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    means = losses.mean(axis=0) / float(Y.var(axis=0).sum())
    measured = _rows_needed(sizes, means)
    return EffectiveRows(
        rows=rows,
        predicted=rows * math.exp(min(log_order, 700.0 - math.log(rows))),
        measured=measured,
        low=float(low),
        high=float(high),
        beyond=bool(means[-1] < means[:-1].min()),
        level=LEVEL,
        plain_rows=sizes,
        plain_losses=tuple(float(value) for value in means[:-1]),
        invariant_loss=float(means[-1]),
    )


def _losses(X: Floats, Y: Floats, rows: int, view: View, seed: int) -> Floats:
    half = len(X) // 2
    teacher = fit(X[:rows], Y[:rows], np.random.default_rng([seed, 5]), view)
    errors = teacher.predict(X[half:]) - Y[half:]
    return np.asarray((errors**2).sum(axis=1))


def _rows_needed(sizes: Sequence[int], losses: Floats) -> float:
    """Rows at which the falling curve reaches the last loss, between its ends."""
    curve = np.minimum.accumulate(losses[:-1])[::-1]
    place = np.interp(losses[-1], curve, np.log(np.asarray(sizes, dtype=np.float64))[::-1])
    return float(np.exp(place))
