"""Normal scores: a polygon that sends a column's quantiles to those of a standard Gaussian.

A distance between rows then means the same everywhere in the column, however long its tails or
uneven its bulk. The corners are training values, each sent to the Gaussian quantile of its
middle rank, so that ties get one value and no two different corners coincide.

Source: van der Waerden 1952 (scores); Shapiro and Francia 1972, doi:10.1080/01621459.1972.10481232
(probability plot). Differs from the papers: at most 33 corners, straight lines between them, and
a limited run beyond the ends.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.apply import on_polygon
from app.science.encoding.encoding import MAX_KNOTS

MIN_DISTINCT = 20
MIN_GAP = 1e-6  # between knots, in scales: a steeper piece would be made of rounding noise
RUN_BEYOND = 0.5  # Gaussian standard deviations that a value beyond the training range may gain
FAR = 0.95  # the correlation that a column far from Gaussian stays below


@dataclass(frozen=True, slots=True)
class Polygon:
    """Corners (knots, values) and the range [low, high] of the argument.

    knots, values : (l,), strictly ascending, 2 <= l <= ``MAX_KNOTS``
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    low: float
    high: float


def has_many_values(z: NDArray[np.float64]) -> bool:
    """Whether the column, (n,), is a number rather than a short list of levels."""
    return np.unique(z).size >= MIN_DISTINCT


def fit(z: NDArray[np.float64]) -> Polygon | None:
    """The polygon of a column, or None where its values all but coincide.

    Parameters
    ----------
    z : (n,), finite, in scales
    """
    ordered, normal = np.sort(z), NormalDist()
    last = normal.inv_cdf(1.0 - 0.5 / len(z))
    levels = [normal.cdf(score) for score in np.linspace(-last, last, MAX_KNOTS)]
    knots = np.unique(np.quantile(ordered, levels, method="nearest"))
    knots = knots[np.append(True, np.diff(knots) > MIN_GAP)]
    if len(knots) < 2:
        return None
    ranks = sum(np.searchsorted(ordered, knots, side) for side in ("left", "right"))
    values = np.array([normal.inv_cdf(rank / (2.0 * len(z))) for rank in ranks])
    slopes = np.diff(values) / np.diff(knots)
    low, high = knots[0] - RUN_BEYOND / slopes[0], knots[-1] + RUN_BEYOND / slopes[-1]
    return Polygon(tuple(knots.tolist()), tuple(values.tolist()), float(low), float(high))


def is_far(z: NDArray[np.float64], polygon: Polygon) -> bool:
    """Whether the column is far from Gaussian: its normal probability plot is no straight line.

    Told by the correlation of a column with its own normal scores, the statistic of Shapiro and
    Francia: 1 for a Gaussian, 0.98 for a uniform, 0.90 for an exponential distribution.
    """
    return float(np.corrcoef(z, on_polygon(z, polygon.knots, polygon.values))[0, 1]) < FAR
