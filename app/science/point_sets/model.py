"""Fit a model of point sets, and predict with it.

Drawn motifs and a convex head: the same seed and data give the same model.

Source: the parts name theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science import convex_heads as heads
from app.science.convex_heads import Candidate
from app.science.linalg import Floats, rows_per_block
from app.science.mimicry import head as convex
from app.science.mimicry import target as targets
from app.science.mimicry.target import Target
from app.science.point_sets.features import PointFeatures, drawn
from app.science.point_sets.plan import LADDER, PointPlan
from app.science.point_sets.sets import PointSets
from app.science.relu_network.evaluate import answers, predict_raw
from app.science.relu_network.network import Network, Task

PREDICT_BYTES = 2**27


@dataclass(frozen=True)
class PointModel:
    """Features and a head over them.

    plan : that was enough, or the best; head_name, losses : which candidate of the plan was kept,
    and the held-out loss of each
    """

    features: PointFeatures
    head: Network
    plan: PointPlan
    head_name: str
    losses: Mapping[str, float]

    @property
    def validation_loss(self) -> float:
        """Of the head that was kept."""
        return self.losses[self.head_name]

    def raw(self, sets: PointSets, *, device: torch.device | str = "cpu") -> Floats:
        """(n, c), the target's unit or one logit a class."""
        step = rows_per_block(self.features.width, itemsize=4, budget_bytes=PREDICT_BYTES)
        blocks = (sets.points[i : i + step] for i in range(0, len(sets), step))
        features = (self.features.compute(block, device=device) for block in blocks)
        return np.concatenate([predict_raw(self.head, part) for part in features])

    def predict(self, sets: PointSets, *, device: torch.device | str = "cpu") -> Floats:
        """(n,) in the target's unit, or (n, classes) probabilities."""
        return answers(self.head.task, self.raw(sets, device=device))


def fit(  # noqa: PLR0913 - data, task and options, the options by name
    sets: PointSets,
    y: NDArray[Any],
    task: Task,
    *,
    classes: tuple[str, ...] = (),
    plans: Sequence[PointPlan] = LADDER,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> PointModel:
    """Fit without gradient descent through the features.

    The features, n * 3 m * 4 bytes, are kept if that is at most ``kept_bytes`` of the plan, else
    computed again at each pass. Beside them there are two Gram matrices, (3 m)^2 * 8 bytes each,
    and one block; a logistic head holds 512 principal components a set.

    Parameters
    ----------
    y : (n,), numbers, or class numbers from 0
    plans : from small to large; the first that is enough ends the search, else the best is kept

    Raises
    ------
    TooFewRows, DegenerateTarget, UnusablePose
    """
    target = targets.make(np.asarray(y), task, classes)
    best: PointModel | None = None
    for plan in plans:
        features = drawn(sets, plan, seed=seed)
        head, losses = _head(features, sets, target, plan, (seed, device))
        if best is None or head.validation_loss < best.validation_loss:
            best = PointModel(features, head.network, plan, head.name, losses)
        if head.is_enough:
            break
    if best is None:
        raise ValueError("plans is empty; give one at least")
    return best


def _head(
    features: PointFeatures,
    sets: PointSets,
    target: Target,
    plan: PointPlan,
    where: tuple[int, torch.device | str],
) -> tuple[Candidate, Mapping[str, float]]:
    seed, device = where
    compute = partial(features.compute, device=device)
    rows, columns = sets.points, convex.Features(compute, features.width)
    if len(sets) * features.width * rows.itemsize <= plan.kept_bytes:
        rows, columns = compute(rows), convex.Features(np.asarray, features.width)
    return heads.solve(columns, rows, target, plan.heads, seed=seed, device=device)
