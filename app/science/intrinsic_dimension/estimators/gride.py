"""GRIDE: intrinsic dimension from the ratio of the n-th and the 2n-th neighbor distance.

Where the density is flat over 2n neighbors, mu = r_2n / r_n has a density that depends on d
alone. Skipping the n - 1 nearest distances looks at a larger scale, above small noise.

Source: Denti et al. 2022, doi:10.1038/s41598-022-20991-1 (the density). Differs from
the authors' code in the solver: Newton steps on the score, which is strictly decreasing in d,
from the moment estimate (psi(2n) - psi(n)) / mean(log mu). Like DADApy it has q - 1 in place
of q rows before log(d), which makes the estimate unbiased at n = 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import DimensionEstimate, DimensionEstimator
from app.science.intrinsic_dimension.neighbors import Neighbors

_NEWTON_STEPS = 30
_TOLERANCE = 1e-12
_SMALLEST_LOG = 1e-9


@dataclass(frozen=True, slots=True)
class Gride:
    """Maximum likelihood from two generic neighbors, n and 2n.

    Parameters
    ----------
    n : rank of the nearer of the two neighbors, >= 1
    """

    n: int = 2

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate from ``neighbors.distances`` of shape (q, k), k >= 2 n.

        Raises
        ------
        TooFewRows
            Fewer than 2 n neighbors were searched.
        DegenerateDistances
            Both distances are equal in every row.
        """
        distances = neighbors.distances
        if distances.shape[1] < 2 * self.n:
            raise TooFewRows(needed=2 * self.n, got=distances.shape[1])
        log_mu = torch.log(distances[:, 2 * self.n - 1] / distances[:, self.n - 1])
        if not bool((log_mu > _SMALLEST_LOG).any()):
            raise DegenerateDistances("both neighbor distances are equal in every row")
        value, information = self._solve(log_mu.clamp_min(_SMALLEST_LOG))
        return DimensionEstimate(value, stderr=1 / math.sqrt(information), n_used=len(log_mu))

    def _solve(self, log_mu: Tensor) -> tuple[float, float]:
        """The root of the score and the Fisher information there."""
        harmonic = sum(1.0 / j for j in range(self.n, 2 * self.n))  # psi(2n) - psi(n)
        d = harmonic / float(log_mu.mean())
        for _ in range(_NEWTON_STEPS):
            score, information = self._score(log_mu, d)
            step = min(max(score / information, -d / 2), d)
            d += step
            if abs(step) < _TOLERANCE * d:
                break
        return d, self._score(log_mu, d)[1]

    def _score(self, log_mu: Tensor, d: float) -> tuple[float, float]:
        """First and negative second derivative of the log-likelihood at d."""
        shrink = -torch.expm1(-d * log_mu)  # 1 - mu^-d
        pull = (log_mu / shrink).sum()
        bend = (log_mu.square() * (1 - shrink) / shrink.square()).sum()
        score = (len(log_mu) - 1) / d + (self.n - 1) * pull - (2 * self.n - 1) * log_mu.sum()
        return float(score), float(len(log_mu) / d**2 + (self.n - 1) * bend)


PLUGIN: type[DimensionEstimator] = Gride
