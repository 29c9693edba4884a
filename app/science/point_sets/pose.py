"""Where a set's points are put before they are described: their unit, center, size and frame.

The unit is that of the whole data set. A set may further be moved to its own mean, scaled to its
own size, or turned to its principal axes; these come with signs that nothing decides, so every
choice of signs is described and the descriptions are averaged. What a pose removes cannot be
learned, so the caller takes one that the invariance test accepts.

Source: Puny et al. 2022, arXiv:2110.03336 (frame averaging). Differs from the paper: the average
is over the pooled features, of which any head is then invariant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np

from app.science.errors import ScienceError
from app.science.linalg import Floats
from app.science.point_sets.frames import principal_frames
from app.science.point_sets.ops import Ops, T
from app.science.point_sets.sets import PointSets

PoseName = Literal["as_given", "centered", "scaled", "turned", "turned_or_mirrored"]
"""Each removes what the one before removes, and more."""
FRAMED = ("turned", "turned_or_mirrored")
MOST_FRAMED_DIM = 3
TINY = 1e-20


class UnusablePose(ScienceError):
    """There is no such pose, or none for points of this dimension."""

    def __init__(self, *, name: str, dim: int) -> None:
        self.name, self.dim = name, dim
        super().__init__(
            f"no pose {name!r} for points of dimension {dim}; there are"
            f" {', '.join(get_args(PoseName))}, those with turns in 2 and 3 dimensions"
        )


@dataclass(frozen=True)
class Pose:
    """A pose and the unit of the data.

    center, scale : (d + f,); all positions share one scale, so that distances stay what they are
    """

    name: PoseName
    dim: int
    center: Floats
    scale: Floats

    @property
    def signs(self) -> tuple[tuple[float, ...], ...]:
        """The signs of the axes to average over; of turns those that mirror nothing."""
        if self.name not in FRAMED:
            return ((1.0,) * self.dim,)
        every = product((1.0, -1.0), repeat=self.dim)
        return tuple(s for s in every if self.name == "turned_or_mirrored" or np.prod(s) > 0)

    def apply(self, ops: Ops[T], x: T, present: T) -> Iterator[T]:
        """Points (n, k, d + f) for every choice of signs.

        Parameters
        ----------
        x : (n, k, d + f), 0 at padded points; present : (n, k, 1), 1 or 0
        """
        width = len(self.center)
        x = (x - ops.constant(self.center)) / ops.constant(self.scale) * present
        positions = ops.columns(x, 0, self.dim)
        channels = [ops.columns(x, self.dim, width)] if width > self.dim else []
        if self.name != "as_given":
            positions = self._canonical(ops, positions, present)
        for signs in self.signs:
            yield ops.joined([positions * ops.constant(np.array(signs)), *channels])

    def _canonical(self, ops: Ops[T], positions: T, present: T) -> T:
        count = ops.total(present, 1)
        positions = (positions - ops.total(positions, 1) / count) * present
        if self.name != "centered":
            square = ops.total(ops.total(positions * positions, 1), 2) / count
            positions = positions / ops.sqrt(square / float(self.dim) + TINY)
        if self.name in FRAMED:
            positions = positions @ principal_frames(ops, positions, self.dim)
        return positions


def fitted_pose(name: PoseName, sets: PointSets) -> Pose:
    """The pose in the unit of these sets.

    Raises
    ------
    UnusablePose
        The name is unknown, or the points have too many or too few dimensions for a turn.
    """
    framed = name in FRAMED
    if name not in get_args(PoseName) or (framed and not 2 <= sets.dim <= MOST_FRAMED_DIM):
        raise UnusablePose(name=name, dim=sets.dim)
    rows = sets.points.reshape(-1, sets.points.shape[2]).astype(np.float64)
    center, scale = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    scale[: sets.dim] = np.sqrt((scale[: sets.dim] ** 2).mean())
    scale[scale == 0.0] = 1.0
    return Pose(name, sets.dim, center, scale)
