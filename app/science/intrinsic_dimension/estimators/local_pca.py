"""Local principal components: how many axes of a patch hold a share of its largest variance.

A patch of a smooth cloud is nearly flat, so its variance lies along d axes. The count depends
on the threshold and on the patch size, so the value is evidence beside the others, never the
answer.

Source: Fukunaga and Olsen 1971, doi:10.1109/T-C.1971.223208 (axes above a share of the largest
variance). Differs from the paper: patches of nearest neighbors around some rows, and the counts
are averaged.
"""

import math
from dataclasses import dataclass

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import DimensionEstimate, DimensionEstimator
from app.science.intrinsic_dimension.neighbors import Neighbors
from app.science.intrinsic_dimension.patches import local_spectra

MIN_PATCH = 10
_LEAST_STDERR = 1e-3  # counts that all agree are still counts


@dataclass(frozen=True, slots=True)
class LocalPCA:
    """Mean count of principal axes above a share of the largest.

    Parameters
    ----------
    k : rows in a patch, or all searched neighbors if fewer
    share : of the largest variance, in (0, 1)
    at_most : patches
    """

    k: int = 100
    share: float = 0.05
    at_most: int = 100

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate from ``neighbors.points``; needs at least ``MIN_PATCH`` neighbors.

        Raises
        ------
        TooFewRows
            Patches would be too small.
        DegenerateDistances
            The points are missing, or coincide in every patch.
        """
        if neighbors.distances.shape[1] < MIN_PATCH:
            raise TooFewRows(needed=MIN_PATCH, got=neighbors.distances.shape[1])
        variances = local_spectra(neighbors, self.k, at_most=self.at_most)  # (m, min(k, p))
        if not bool((variances[:, 0] > 0).any()):
            raise DegenerateDistances("the rows of each patch coincide")
        counts = (variances >= self.share * variances[:, :1]).sum(dim=1).double()
        spread = float(counts.std()) if len(counts) > 1 else 0.0
        error = max(spread / math.sqrt(len(counts)), _LEAST_STDERR)
        return DimensionEstimate(float(counts.mean()), stderr=error, n_used=len(counts))


PLUGIN: type[DimensionEstimator] = LocalPCA
