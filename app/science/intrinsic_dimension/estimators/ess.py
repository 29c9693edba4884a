"""Expected simplex skewness: dimension from the angles between neighbors.

In d dimensions two random directions are nearly orthogonal, the more so the larger d is. The
mean sine of the angles within a patch, weighted by the lengths, is a known increasing function
of d. Angles do not shrink with the sample as distance ratios do, so the value is sound at high
d; a patch that bends looks thicker, so it is too large at low d.

Source: Johnsson et al. 2015, doi:10.1109/TPAMI.2014.2343220, variant a with d = 1. Differs
from the paper: the sines of all patches are pooled before the function is inverted, and the
inverse is continuous where theirs is linear between integers.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import DimensionEstimate, DimensionEstimator
from app.science.intrinsic_dimension.neighbors import Neighbors
from app.science.intrinsic_dimension.patches import centered_patches

MIN_PATCH = 10
_LARGEST = 1e5
_STEPS = 60


@dataclass(frozen=True, slots=True)
class ExpectedSimplexSkewness:
    """Mean weighted sine between the members of a patch.

    Parameters
    ----------
    k : rows in a patch, or all searched neighbors if fewer
    at_most : patches
    """

    k: int = 100
    at_most: int = 1_000

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate from ``neighbors.points``; needs at least ``MIN_PATCH`` neighbors.

        Raises
        ------
        TooFewRows
            Patches would be too small.
        DegenerateDistances
            The points are missing, or lie on one line in every patch.
        """
        if neighbors.distances.shape[1] < MIN_PATCH:
            raise TooFewRows(needed=MIN_PATCH, got=neighbors.distances.shape[1])
        blocks = centered_patches(neighbors, self.k, at_most=self.at_most)
        sines = torch.cat([_mean_sines(patches) for patches in blocks])  # (m,)
        pooled = float(sines.mean())
        if not 0.0 < pooled < 1.0:
            raise DegenerateDistances("the rows of each patch lie on a line")
        value = dimension_of(pooled)
        error = float(sines.std(correction=0)) / math.sqrt(len(sines))
        slope = (dimension_of(min(pooled + 1e-6, 1 - 1e-9)) - value) / 1e-6
        return DimensionEstimate(value, stderr=max(error * slope, 1e-9), n_used=len(sines))


def expected_sine(d: float) -> float:
    """Mean sine of the angle between two random directions in d > 1 dimensions."""
    return math.exp(2 * math.lgamma(d / 2) - math.lgamma((d + 1) / 2) - math.lgamma((d - 1) / 2))


def dimension_of(sine: float) -> float:
    """The d at which ``expected_sine`` is ``sine``, by bisection on a log scale."""
    low, high = 0.0, math.log(_LARGEST)  # of d
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if expected_sine(1e-12 + math.exp(middle)) < sine:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _mean_sines(patches: Tensor) -> Tensor:
    """Weighted mean sine of each patch of a (b, k, p) block; (b,)."""
    gram = patches @ patches.mT
    squares = gram.diagonal(dim1=1, dim2=2)  # (b, k)
    lengths = squares.sqrt()
    areas = (squares[:, :, None] * squares[:, None, :] - gram.square()).clamp_min(0).sqrt()
    weights = lengths.sum(dim=1).square() - squares.sum(dim=1)  # pairs of different rows
    areas.diagonal(dim1=1, dim2=2).zero_()
    return areas.sum(dim=(1, 2)) / weights.clamp_min(torch.finfo(torch.float64).tiny)


PLUGIN: type[DimensionEstimator] = ExpectedSimplexSkewness
