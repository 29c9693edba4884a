"""Train a model of images: learn a body without labels, then solve a convex head.

Source: Thiry, Arbel, Belilovsky and Oyallon 2021, arXiv:2101.07528. Differs from the paper: heads
are solved, not trained by SGD.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science import convex_heads
from app.science.convex_heads import Candidate
from app.science.images import learn, span, store
from app.science.images.network import Body, ImageNetwork
from app.science.images.pixels import Images, checked
from app.science.images.plan import Plan
from app.science.mimicry import head as convex
from app.science.mimicry import target as targets
from app.science.mimicry.target import Target
from app.science.relu_network.network import Task

Found = tuple[Candidate, Mapping[str, float]]

LEAST_SPREAD = 1e-6
"""Of a feature that counts, as a share of the largest."""


@dataclass(frozen=True)
class Fitted:
    """A network, and what the held-out training rows said of its head before all were used.

    head : the one kept; losses : of every head that was tried
    """

    network: ImageNetwork
    plan: Plan
    head: str
    losses: Mapping[str, float]


def fit(
    images: NDArray[np.generic],
    y: NDArray[Any],
    task: Task,
    classes: Sequence[str],
    plan: Plan,
    *,
    device: torch.device | str = "cpu",
) -> Fitted:
    """Fit on most rows, choose the head on the held-out others, then refit on all.

    Parameters
    ----------
    images : uint8 (n, h, w, c)
    y : (n,), class numbers from 0, or finite numbers for a regression, which has no classes
    device : of the features and of the kernel

    Raises
    ------
    UnusableImages
        No 8-bit images of a supported size, or too small for the plan.
    MemoryTooSmall
        The plan's features pass its memory.
    TooFewRows, DegenerateTarget
        Fewer than 20 images, or a single class or value.
    """
    pixels = checked(images)
    target = targets.make(y, task, tuple(classes))
    body = learn.body(pixels, plan)
    head, losses = _solved(body.on(device), pixels, target, plan)
    return Fitted(ImageNetwork(body, head.network), plan, head.name, losses)


def _solved(body: Body, images: Images, target: Target, plan: Plan) -> Found:
    """The best head on features that are kept where they fit.

    Fewer images than features: coordinates in the span of the standardized features.
    """
    n, width, memory, device = len(images), body.width, plan.memory_bytes, body.device
    rows: NDArray[Any]
    if n < width:
        features = store.kept(body, images).astype(np.float64)
        middle, spread = features.mean(axis=0), features.std(axis=0)
        spread[spread < LEAST_SPREAD * spread.max()] = np.inf
        basis = span.basis((features - middle) / spread) / spread[:, None]
        rows = ((features - middle) @ basis).astype(np.float32)
        columns = convex.Features(np.asarray, n, square=np.eye(n))
        head, losses = convex_heads.solve(
            columns, rows, target, plan.heads, seed=plan.seed, memory_bytes=memory, device=device
        )
        return head.behind(basis, -middle @ basis), losses
    store.check(width, memory)
    if store.needed_bytes(n, width) <= memory:
        rows, columns = store.kept(body, images), convex.Features(np.asarray, width)
    else:
        rows, columns = images, convex.Features(lambda part: body.features(part).numpy(), width)
    return convex_heads.solve(
        columns, rows, target, plan.heads, seed=plan.seed, memory_bytes=memory, device=device
    )
