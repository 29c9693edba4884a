"""Point sets as one array: shorter sets are padded with points whose numbers are all NaN.

NaN marks a padded point in the exported file too, so that one input is enough.

Source: none; plain data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.errors import ScienceError

Points = NDArray[np.float32]

MOST_POINTS = 10_000
"""All pairs of a set's points are looked at: 400 MB an array of them."""


class UnusablePointSets(ScienceError):
    """The arrays are no point sets: wrong shape, an empty set, or numbers that are not finite."""


@dataclass(frozen=True)
class PointSets:
    """n sets of up to k points.

    points : (n, k, d + f), positions first and then the channels; padded points are NaN;
    n_channels : f
    """

    points: Points
    n_channels: int = 0

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dim(self) -> int:
        """Positions of a point, d."""
        return int(self.points.shape[2]) - self.n_channels

    def take(self, rows: NDArray[np.int64]) -> "PointSets":
        """Some of the sets."""
        return PointSets(self.points[rows], self.n_channels)


def from_arrays(sets: NDArray[Any] | Sequence[NDArray[Any]], *, n_channels: int = 0) -> PointSets:
    """Check sets of equal or of different sizes.

    Parameters
    ----------
    sets : (n, k, d + f), or n arrays of (k_i, d + f); any real type
    n_channels : how many of the last columns are channels, f

    Raises
    ------
    UnusablePointSets
        With the first set that is at fault.
    """
    for number, points in enumerate(sets):
        _check(number, points, sets[0], n_channels)
    if not len(sets):
        raise UnusablePointSets("there is no point set; send at least one")
    most = max(len(points) for points in sets)
    padded = np.full((len(sets), most, sets[0].shape[1]), np.nan, np.float32)
    for row, points in zip(padded, sets, strict=True):
        row[: len(points)] = points
    return PointSets(padded, n_channels)


def _check(number: int, points: NDArray[Any], first: NDArray[Any], n_channels: int) -> None:
    where = f"point set {number}"
    if points.ndim != 2 or points.shape[1] != first.shape[1]:
        wanted = f"(points, {first.shape[1]})" if first.ndim == 2 else "(points, columns)"
        raise UnusablePointSets(f"{where} has the shape {points.shape}, wanted is {wanted}")
    if not 0 <= n_channels < points.shape[1]:
        raise UnusablePointSets(
            f"{n_channels} channels of {points.shape[1]} columns leave no position"
        )
    if not len(points):
        raise UnusablePointSets(f"{where} is empty; drop it or give it a point")
    if len(points) > MOST_POINTS:
        raise UnusablePointSets(
            f"{where} has {len(points):,} points; thin it out to {MOST_POINTS:,} at most"
        )
    if not np.isfinite(points).all():
        raise UnusablePointSets(f"{where} holds NaN or infinities; drop those points first")
