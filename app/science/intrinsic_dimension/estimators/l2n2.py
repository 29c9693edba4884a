"""L2N2: dimension from the mean of log log(r2 / r1).

Where the density is flat over two neighbors, log(r2 / r1) is exponential with rate d, so its
logarithm has mean -log(d) - gamma, Euler's constant. Large ratios hardly count, so outlying
rows hardly matter.

Source: arXiv:2603.10493. Differs from the paper in nothing but the refusal of tied rows, which
have no logarithm and are left out.
"""

import math
from dataclasses import dataclass

import torch

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import DimensionEstimate, DimensionEstimator
from app.science.intrinsic_dimension.neighbors import Neighbors

MIN_RATIOS = 10
_EULER = 0.5772156649015329
_SMALLEST_LOG = 1e-9


@dataclass(frozen=True, slots=True)
class L2N2:
    """The closed form exp(-mean(log log(r2 / r1)) - gamma). It has no options."""

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate from ``neighbors.distances`` of shape (n, k), k >= 2.

        Raises
        ------
        TooFewRows
            Fewer than ``MIN_RATIOS`` rows.
        DegenerateDistances
            The two nearest distances tie in too many rows.
        """
        n = len(neighbors.distances)
        if n < MIN_RATIOS:
            raise TooFewRows(needed=MIN_RATIOS, got=n)
        log_mu = torch.log(neighbors.distances[:, 1] / neighbors.distances[:, 0])
        untied = log_mu[log_mu > _SMALLEST_LOG]
        if len(untied) < MIN_RATIOS:
            raise DegenerateDistances("the two nearest distances are equal in too many rows")
        value = math.exp(-float(untied.log().mean()) - _EULER)
        # The logarithm of an exponential variable has variance pi^2 / 6.
        stderr = value * math.pi / math.sqrt(6 * len(untied))
        return DimensionEstimate(value, stderr=stderr, n_used=len(untied))


PLUGIN: type[DimensionEstimator] = L2N2
