"""How often intervals or sets hold the truth on test rows, and how large they are.

Source: Clopper & Pearson 1934, Biometrika 26 (the interval of a share).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from app.science.errors import ScienceError
from app.science.evaluation.conformal import Conformal


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of ``n_rows`` rows held at ``level``, with its exact 95 % binomial interval.

    The interval covers the choice of test rows. Another draw of n calibration rows would move the
    share too, by about sqrt(level (1 - level) / n).

    ``mean_size`` : mean width in the target's unit, or mean number of classes in a set.
    """

    level: float
    share: float
    low: float
    high: float
    n_rows: int
    mean_size: float


def coverage(
    conformal: Conformal, y: NDArray[Any], prediction: NDArray[np.float64], level: float
) -> Coverage:
    """Count the rows that are held.

    Parameters
    ----------
    y : (n,), values or class codes
    prediction : (n,) in the unit of y, or (n, c) class probabilities

    Raises
    ------
    NotCalibrated
        The level cannot be had; see ``Conformal.quantile``.
    ScienceError
        There are no rows.
    """
    if not len(y):
        raise ScienceError("coverage needs at least one row")
    if conformal.score == "absolute_error":
        low, high = conformal.interval(prediction, level).T
        held, sizes = (low <= y) & (y <= high), high - low
    else:
        members = conformal.members(prediction, level)
        held, sizes = members[np.arange(len(y)), y], members.sum(axis=1)
    n_rows, n_held = len(y), int(held.sum())
    share_low, share_high = binomial_interval(n_held, n_rows)
    return Coverage(level, n_held / n_rows, share_low, share_high, n_rows, float(sizes.mean()))


def binomial_interval(n_hits: int, n_rows: int, level: float = 0.95) -> tuple[float, float]:
    """Exact (conservative) interval of a share, from ``n_hits`` of ``n_rows``."""
    tail = (1.0 - level) / 2
    low = beta.ppf(tail, n_hits, n_rows - n_hits + 1) if n_hits else 0.0
    high = beta.ppf(1.0 - tail, n_hits + 1, n_rows - n_hits) if n_hits < n_rows else 1.0
    return float(low), float(high)
