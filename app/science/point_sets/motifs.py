"""ReLU units of a described point, drawn from the data: ridges and bumps, all one affine map.

A ridge unit is placed between two described points: its direction is the step between them, its
kink lies at the first, and at the second it is 1. A bump is relu(1 - |x - c|^2 / r^2) about the
position c of a drawn point; since |x|^2 is a column of the description, this is affine as well.

Source: Bolager et al. 2023, arXiv:2306.16830 (SWIM). Differs from the paper: pairs are drawn
evenly, since a point has no label of its own.
"""

from dataclasses import dataclass

import numpy as np

from app.science.linalg import Floats
from app.science.point_sets.neighborhoods import Neighborhoods
from app.science.point_sets.ops import Ops, T

POSITION_WEIGHT = 2.0
"""Of standardized positions among the other columns; with 1, one more digit in 100 is wrong."""
SPREAD_SHARE = 1e-2
BUMP_RADIUS = 0.6


@dataclass(frozen=True)
class PointMotifs:
    """relu(description @ weight + bias).

    weight : (q, m); bias : (m,)
    """

    weight: Floats
    bias: Floats

    def apply(self, ops: Ops[T], description: T) -> T:
        """(n, k, q) to (n, k, m)."""
        raw = description @ ops.constant(self.weight) + ops.constant(self.bias)
        return ops.relu(raw)


def draw(
    points: Floats,
    around: Neighborhoods,
    *,
    n_ridges: int,
    n_bumps: int,
    rng: np.random.Generator,
) -> PointMotifs:
    """Draw the units.

    Parameters
    ----------
    points : (N, q), described points of the training sets
    """
    ridges, bumps = _ridges(points, around, n_ridges, rng), _bumps(points, around, n_bumps, rng)
    weight = np.concatenate([ridges.weight, bumps.weight], axis=1)
    return PointMotifs(weight, np.concatenate([ridges.bias, bumps.bias]))


def _ridges(
    points: Floats, around: Neighborhoods, n_ridges: int, rng: np.random.Generator
) -> PointMotifs:
    spread = points.std(axis=0)
    scale = 1.0 / np.where(spread > 0.0, spread, np.inf)
    scale[: around.dim] *= POSITION_WEIGHT
    scale[around.square_at] = 0.0  # for the bumps
    center = points.mean(axis=0)
    scaled = (points - center) * scale
    first, second = rng.integers(0, len(points), (2, n_ridges))
    step = scaled[second] - scaled[first]
    floor = SPREAD_SHARE * float((scaled**2).sum(axis=1).mean())
    directions = step / ((step**2).sum(axis=1) + floor)[:, None]  # (m, q)
    bias = -(directions * scaled[first]).sum(axis=1)
    weight = (directions * scale).T
    return PointMotifs(weight, bias - center @ weight)


def _bumps(
    points: Floats, around: Neighborhoods, n_bumps: int, rng: np.random.Generator
) -> PointMotifs:
    centers = points[rng.integers(0, len(points), n_bumps), : around.dim]
    weight = np.zeros((around.width, n_bumps))
    weight[: around.dim] = 2.0 * centers.T / BUMP_RADIUS**2
    weight[around.square_at] = -1.0 / BUMP_RADIUS**2
    return PointMotifs(weight, 1.0 - (centers**2).sum(axis=1) / BUMP_RADIUS**2)
