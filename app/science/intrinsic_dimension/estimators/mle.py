"""Maximum likelihood from the k nearest distances, pooled over all rows.

Where the density is flat over k neighbors, the sum of log(r_k / r_j) over j < k is
Gamma(k - 1, d). Pooling the sums of all rows and dividing once gives one number for each k;
a cumulative sum gives every k at the price of one.

Source: Levina and Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", NIPS
17; MacKay and Ghahramani 2005, "Comments on maximum likelihood estimation of intrinsic
dimension" (pool the inverse). Differs from both: the numerator is n (k - 1) - 1, which makes
the pooled estimate unbiased under the model, and no average over k is taken.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import DimensionEstimate, DimensionEstimator
from app.science.intrinsic_dimension.neighbors import Neighbors


@dataclass(frozen=True, slots=True)
class PooledMLE:
    """Pooled Levina-Bickel estimate at one k.

    Parameters
    ----------
    k : neighbors used, >= 2
    """

    k: int = 20

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate from ``neighbors.distances`` of shape (n, K), K >= k.

        Raises
        ------
        TooFewRows
            Fewer than ``k`` neighbors were searched.
        DegenerateDistances
            All k distances are equal in every row.
        """
        distances = neighbors.distances
        if distances.shape[1] < self.k:
            raise TooFewRows(needed=self.k, got=distances.shape[1])
        value = float(pooled_curve(distances[:, : self.k])[self.k - 1])
        if not math.isfinite(value):
            raise DegenerateDistances("all neighbor distances of a row are equal, in every row")
        n_terms = len(distances) * (self.k - 1)
        return DimensionEstimate(value, stderr=value / math.sqrt(n_terms), n_used=len(distances))


def pooled_curve(distances: Tensor) -> Tensor:
    """Pooled estimate at k = 1..K; infinite at k = 1 and where all distances tie.

    Parameters
    ----------
    distances : (n, K), ascending in K, > 0

    Returns
    -------
    Tensor
        (K,) float64; entry j belongs to k = j + 1.
    """
    logs = distances.double().log()
    n, n_neighbors = logs.shape
    k = torch.arange(1, n_neighbors + 1, dtype=torch.float64, device=logs.device)
    log_ratio_sums = (k * logs - logs.cumsum(dim=1)).sum(dim=0)  # (K,)
    tied = log_ratio_sums <= 1e-9 * n * k  # rounding of the sums, not information
    return torch.where(tied, math.inf, (n * (k - 1) - 1) / log_ratio_sums)


PLUGIN: type[DimensionEstimator] = PooledMLE
