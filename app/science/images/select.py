"""Choose a plan: a size by the rows at hand.

Whitening and thresholds are fixed: races between small networks with ridge heads cost as much time
as the features of all images, and on photographs chose thresholds that lost 1 % in the end.

Source: Coates, Ng and Lee 2011, AISTATS (the choices that matter).
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.science import kernel_head
from app.science.images.pixels import WORKING_SIDE
from app.science.images.plan import Plan, StagePlan
from app.science.images.store import needed_bytes

FEW_ROWS = 2_000
SIZES = (16, 32, 64)
"""Filters of the first stage, mirror images not counted; the second has four times as many."""
CHANNELS = 16
"""Between the stages: 64 of them took twice the time, and the loss was higher (50,000 photographs).
Patches of fewer numbers are told apart better by as many filters."""
MANY_ROWS = 20_000
"""Beyond, the kernel makes more of a second than the last of ``SIZES``."""
SMALL_SIDE = 16
FACTORIZATIONS = 4.0
"""A dozen penalties; each takes a third of the width's cube."""


def by_size(
    images: NDArray[np.generic],
    *,
    mirrored: bool,
    memory_bytes: int = 4 * 2**30,
    max_products: float = math.inf,
    seed: int = 0,
) -> Plan:
    """Two stages of the most filters whose features of all images (n, h, w, c) fit the memory.

    Few images gain little from k-means, so they go without. Where time is too short for the
    fewest filters, they go without the kernel.

    Parameters
    ----------
    max_products : multiplications that features and head of all images may take, see ``products``
    """
    n_rows, side = len(images), min(images.shape[1], images.shape[2], WORKING_SIDE)
    few = n_rows < FEW_ROWS
    patch = 6 if side > SMALL_SIDE else 3
    plans = [
        Plan(
            (
                StagePlan(n_filters, patch, clustered=not few, channels=CHANNELS),
                StagePlan(4 * n_filters, 3, cells=2, clustered=not few),
            ),
            mirrored=mirrored,
            memory_bytes=memory_bytes,
            seed=seed,
        )
        for n_filters in (
            size * (2 if mirrored else 1) for size in SIZES[: 2 if n_rows > MANY_ROWS else None]
        )
    ]
    fitting = [
        plan
        for plan in plans
        if needed_bytes(n_rows, plan.width) <= memory_bytes
        and products(plan, n_rows, images.shape[1:]) <= max_products
    ]
    if fitting:
        return max(fitting, key=lambda plan: plan.width)
    least = plans[0]
    hurried = products(least, n_rows, images.shape[1:]) > max_products
    return replace(least, heads=("ridge",)) if hurried else least


def products(plan: Plan, n_rows: int, shape: tuple[int, ...]) -> float:
    """Multiplications of a fit to images (h, w, c): their features once, and the heads.

    The ridge sums one Gram matrix and factorizes it once for each of about a dozen penalties.
    """
    square = -(-max(shape[:2]) // WORKING_SIDE)
    height, width, channels = shape[0] // square, shape[1] // square, shape[2]
    of_one = float(plan.width**2)
    for stage in plan.stages:
        height, width = height - stage.patch + 1, width - stage.patch + 1
        of_one += float(height * width * stage.n_filters * channels * stage.patch**2)
        height, width, channels = height // 2, width // 2, stage.channels or 0
    kernel = kernel_head.products(n_rows, plan.memory_bytes) if "kernel" in plan.heads else 0.0
    return n_rows * of_one + FACTORIZATIONS * plan.width**3 + kernel
