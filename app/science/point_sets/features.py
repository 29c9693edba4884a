"""Features of a point set: pose, description of each point, motifs, pooling.

The points are first put in an order that depends on nothing but the points themselves, so that
all later sums add the same numbers in the same order: permuting the points changes no bit.

Source: Zaheer et al. 2017, arXiv:1703.06114 (Deep Sets). Differs from the paper: drawn, not
trained.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import BLOCK_BYTES, Floats
from app.science.point_sets import motifs
from app.science.point_sets.motifs import PointMotifs
from app.science.point_sets.neighborhoods import Neighborhoods
from app.science.point_sets.ops import Ops, T, TorchOps
from app.science.point_sets.plan import PointPlan
from app.science.point_sets.pooling import N_POOLS, pooled
from app.science.point_sets.pose import Pose, fitted_pose
from app.science.point_sets.sets import Points, PointSets

LIVE_COPIES = 4
"""Arrays of a point's width that live together."""
DRAWN_SETS, POINTS_OF_A_SET = 500, 20


@dataclass(frozen=True)
class PointFeatures:
    """The fixed part of the model: from (n, k, d + f) to (n, width)."""

    pose: Pose
    around: Neighborhoods
    motifs: PointMotifs

    @property
    def width(self) -> int:
        """Features of a set."""
        return N_POOLS * len(self.motifs.bias)

    def apply(self, ops: Ops[T], points: T) -> T:
        """(n, 1, width), the mean over the pose's signs; NaN marks padded points."""
        points, present = _in_order(ops, points, len(self.pose.center))
        posed = list(self.pose.apply(ops, points, present))
        parts = [self._of_one_pose(ops, own, present) for own in posed]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total / float(len(parts))

    def _of_one_pose(self, ops: Ops[T], own: T, present: T) -> T:
        description = self.around.describe(ops, own, present)
        return pooled(ops, self.motifs.apply(ops, description), present)

    def compute(self, points: Points, *, device: torch.device | str = "cpu") -> NDArray[np.float32]:
        """(n, width), in blocks of about ``linalg.BLOCK_BYTES``."""
        found = np.empty((len(points), self.width), np.float32)
        step = _sets_per_block(points.shape[1], len(self.motifs.bias))
        ops = TorchOps(device)
        with torch.inference_mode():
            for start in range(0, len(points), step):
                block = torch.as_tensor(points[start : start + step], device=device)
                found[start : start + step] = self.apply(ops, block)[:, 0].cpu().numpy()
        return found


def drawn(sets: PointSets, plan: PointPlan, *, seed: int) -> PointFeatures:
    """Fit pose and motifs to training sets, without their labels."""
    rng = np.random.default_rng([seed, 31])
    pose = fitted_pose(plan.pose, sets)
    around = Neighborhoods(plan.radii, sets.dim, sets.n_channels)
    rows = rng.permutation(len(sets))[:DRAWN_SETS]
    points = _described(sets.take(rows), pose, around, rng)
    found = motifs.draw(points, around, n_ridges=plan.n_ridges, n_bumps=plan.n_bumps, rng=rng)
    return PointFeatures(pose, around, found)


def _described(
    sets: PointSets, pose: Pose, around: Neighborhoods, rng: np.random.Generator
) -> Floats:
    """(N, q), some described points, each block of sets with signs of its own."""
    ops, chosen = TorchOps(), []
    step = _sets_per_block(sets.points.shape[1], around.width)
    for start in range(0, len(sets), step):
        block = torch.as_tensor(sets.points[start : start + step])
        points, present = _in_order(ops, block, block.shape[2])
        posed = list(pose.apply(ops, points, present))
        described = around.describe(ops, posed[rng.integers(len(posed))], present)
        there = described[present[:, :, 0] > 0].numpy()
        chosen.append(there[rng.integers(0, len(there), POINTS_OF_A_SET * len(block))])
    return np.concatenate(chosen).astype(np.float64)


def _in_order(ops: Ops[T], points: T, width: int) -> tuple[T, T]:
    """Points (n, k, d + f), 0 for NaN, and ``present`` (n, k, 1), in an order of their own.

    The key adds the columns with weights e^-j, of which no combination with whole numbers is 0:
    different points of a grid have different keys, up to rounding.
    """
    known, points = ops.known(points)
    points = ops.joined([points, ops.columns(known, 0, 1)])
    key = ops.total(points * ops.constant(np.exp(-np.arange(width + 1.0))), 2)
    points = ops.sorted_by(points, key)
    return ops.columns(points, 0, width), ops.columns(points, width, width + 1)


def _sets_per_block(n_points: int, width: int) -> int:
    """At least one, of which the pairs of points alone may take ``sets.MOST_POINTS``^2 numbers."""
    return max(1, BLOCK_BYTES // (4 * LIVE_COPIES * n_points * (n_points + width)))
