"""TwoNN: intrinsic dimension from the ratio of the two nearest-neighbor distances.

Where the density is flat over two neighbors, mu = r2 / r1 is Pareto(1, d), so log(mu) is
exponential with rate d. Curvature and density changes show in the largest ratios first, so
the top share is right-censored. The estimate stays a maximum-likelihood one, in closed form.

Source: Facco et al. 2017, doi:10.1038/s41598-017-11873-y (the law of mu); Epstein and Sobel
1953, "Life testing" (Type-II censoring). Differs from the paper, which fits a line instead.
"""

import math
from dataclasses import dataclass

import torch

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import DimensionEstimate, DimensionEstimator
from app.science.intrinsic_dimension.neighbors import Neighbors

MIN_UNCENSORED = 10


@dataclass(frozen=True, slots=True)
class TwoNN:
    """Censored maximum-likelihood TwoNN.

    Parameters
    ----------
    censored : share of the largest ratios to censor, in [0, 1)
    """

    censored: float = 0.1

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate from ``neighbors.distances`` of shape (n, k), k >= 2.

        Returns
        -------
        DimensionEstimate
            ``stderr`` assumes independent rows, so it is a lower bound.

        Raises
        ------
        TooFewRows
            Fewer than ``MIN_UNCENSORED`` ratios are left uncensored.
        DegenerateDistances
            Every uncensored ratio is one.
        """
        nearest, second = neighbors.distances[:, 0], neighbors.distances[:, 1]
        log_mu = torch.log(second / nearest).sort().values
        n = log_mu.numel()
        kept = int(n * (1 - self.censored))
        if kept < MIN_UNCENSORED:
            raise TooFewRows(needed=MIN_UNCENSORED, got=kept)
        exposure = float(log_mu[:kept].sum() + (n - kept) * log_mu[kept - 1])
        if exposure <= 0:
            raise DegenerateDistances("the two nearest distances are equal in too many rows")
        value = (kept - 1) / exposure  # kept / exposure is biased upward by kept / (kept - 1)
        return DimensionEstimate(value, stderr=value / math.sqrt(kept - 2), n_used=n)


def two_nn_line(neighbors: Neighbors, *, at_most: int = 200) -> tuple[list[float], list[float]]:
    """Points of log(mu) against -log(1 - F), ascending: on a line of slope d under the model.

    Parameters
    ----------
    neighbors : distances of shape (n, k), k >= 2
    at_most : points, evenly spaced in F; the largest ratio has none, as F is 1 there
    """
    log_mu = torch.log(neighbors.distances[:, 1] / neighbors.distances[:, 0]).sort().values
    n = len(log_mu)
    rank = torch.linspace(0, n - 2, min(at_most, n - 1), dtype=torch.float64).long()
    heights = -torch.log1p(-(rank + 1).double() / n)
    return log_mu[rank.to(log_mu.device)].tolist(), heights.tolist()


PLUGIN: type[DimensionEstimator] = TwoNN
