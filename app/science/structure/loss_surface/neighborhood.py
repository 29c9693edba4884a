"""How far the loss rises around a network: along its slope, and in random directions.

Source: Kwon, Kim, Park and Choi 2021, arXiv:2102.11600 (adaptive sharpness). Differs from the
paper: weights move, biases do not; the basin's radius is ours.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from app.science.structure.loss_surface.surface import RelativeSurface

RHOS = (0.01, 0.05, 0.1)
DIRECTIONS = 8
BASIN_RISE = 0.1
MIN_RADIUS, MAX_RADIUS = 1e-9, 1.0
STEP, BISECTIONS = 2.0, 3


def adaptive_sharpness(
    surface: RelativeSurface, rhos: Sequence[float] = RHOS
) -> dict[float, float]:
    """Rise of the loss at the relative change rho g / |g|, with g the slope in these coordinates.

    In weights this is w + rho w^2 g / |w g|, which rescaling a layer against the next leaves alone.
    """
    slope, here = surface.gradient(), surface.here()
    norm = math.sqrt(float(slope.square().sum())) or 1.0
    return {rho: surface.loss_at(rho / norm * slope) - here for rho in rhos}


def basin_radius(surface: RelativeSurface, *, trace: float, rng: np.random.Generator) -> float:
    """Largest r <= 1 at which changing every weight by r times a Gaussian share keeps the loss.

    Kept is a mean over eight directions of no more than 1.1 times the loss here. The radius is
    found to within a tenth.

    Parameters
    ----------
    trace : of the Hessian, by which the search starts where the loss would rise as a parabola
    """
    directions = [torch.as_tensor(rng.standard_normal(surface.size)) for _ in range(DIRECTIONS)]
    here = surface.here()

    def holds(radius: float) -> bool:
        mean = sum(surface.loss_at(radius * d) for d in directions) / DIRECTIONS
        return mean <= (1.0 + BASIN_RISE) * here

    guess = math.sqrt(2.0 * BASIN_RISE * here / trace) if trace > 0.0 else MAX_RADIUS
    low, high = _bracket(holds, min(max(guess, MIN_RADIUS), MAX_RADIUS))
    for _ in range(BISECTIONS if low < high else 0):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _bracket(holds: Callable[[float], bool], guess: float) -> tuple[float, float]:
    """A radius that holds and one that does not, a step apart; equal at either end of the range."""
    low = high = guess
    if holds(guess):
        while high < MAX_RADIUS:
            low, high = high, min(STEP * high, MAX_RADIUS)
            if not holds(high):
                return low, high
        return high, high
    while low > MIN_RADIUS:
        low, high = low / STEP, low
        if holds(low):
            return low, high
    return 0.0, 0.0
