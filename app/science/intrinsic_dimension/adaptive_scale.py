"""Dimension of noisy rows, each read at the largest scale where its density looks constant.

Noise fills every direction at small scale, so small k is useless. For each row, k grows until
a likelihood-ratio test tells the row's density from that of its farthest neighbor. The counts
inside two concentric balls of that scale then give d, which changes the volumes of the test,
so the two steps repeat.

Source: Di Noia et al. 2024, arXiv:2405.15132 (ABIDE), with the k* test of Rodriguez et al.
2018, doi:10.1021/acs.jctc.7b00916. Differs from them: the volumes' power is floored, steps
stop when d settles, and the outcome is calibrated by the pooled-estimate table at k* / 2.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.intrinsic_dimension.calibration import Calibrated, calibrate
from app.science.intrinsic_dimension.neighbors import Neighbors

MAX_ROWS = 10_000
MAX_K = 512
_LEAST_K = 4
_TEST_THRESHOLD = 23.928  # chi-squared, one degree of freedom, p = 1e-6
_OPTIMAL_SHARE = 0.2032  # the inner ball's share of rows with the smallest variance
_MAX_STEPS = 8
_TOLERANCE = 0.003
_LEAST_POWER = 0.5


@dataclass(frozen=True, slots=True)
class AdaptiveEstimate:
    """A binomial estimate at one scale for each row.

    Parameters
    ----------
    raw : estimate, bias included
    calibrated : the raw value read by every family at ``k`` / 2
    k : median neighbors used
    radius : geometric mean of the outer radius, unit of the input
    relative_stderr : standard error over value; balls overlap, so each row counts once
    """

    raw: float
    calibrated: Calibrated
    k: int
    radius: float
    relative_stderr: float


def adaptive_estimates(neighbors: Neighbors) -> tuple[AdaptiveEstimate, ...]:
    """Estimates at half the adaptive scale, at that scale, and at twice it.

    Parameters
    ----------
    neighbors : every reference must be a query row, because the test compares densities of
        neighbors
    """
    rank = torch.searchsorted(neighbors.query_rows, neighbors.indices)  # rows, not input numbers
    d = _binomial(neighbors.distances, torch.full_like(rank[:, 0], rank.shape[1]), 2.0)
    scale = torch.full_like(rank[:, 0], rank.shape[1])
    for _ in range(_MAX_STEPS):
        before = d
        scale = _constant_density_k(neighbors.distances, rank, d)
        d = _binomial(neighbors.distances, scale, d)
        if abs(d - before) < _TOLERANCE * d:
            break
    scales = ((scale.double() * f).long() for f in (0.5, 1.0, 2.0))
    clipped = [s.clamp(_LEAST_K, rank.shape[1]) for s in scales]
    return tuple(_estimate(neighbors, s, d) for s in clipped)


def _estimate(neighbors: Neighbors, scale: Tensor, d: float) -> AdaptiveEstimate:
    raw = _binomial(neighbors.distances, scale, d)
    k = int(scale.median())
    radius = neighbors.distances.gather(1, scale[:, None] - 1).log().mean().exp()
    read = calibrate(raw, k=max(2, k // 2), n_references=neighbors.n_references)
    share = _OPTIMAL_SHARE
    spread = math.sqrt((1 - share) / (share * len(scale))) / -math.log(share)
    return AdaptiveEstimate(
        raw=raw, calibrated=read, k=k, radius=float(radius), relative_stderr=spread
    )


def _constant_density_k(distances: Tensor, rank: Tensor, d: float) -> Tensor:
    """Largest k of each row before the test rejects; (n,).

    Parameters
    ----------
    distances, rank : (n, k), neighbor distances and which row each neighbor is
    """
    power = max(d, _LEAST_POWER)
    n_neighbors = distances.shape[1]
    log_volume = power * distances.log()  # (n, k)
    ks = torch.arange(1, n_neighbors, dtype=torch.float64, device=distances.device)
    columns = torch.arange(n_neighbors - 1, device=distances.device)
    own = log_volume[:, :-1]
    other = log_volume[rank[:, 1:], columns]  # the (k + 1)-th neighbor's k-th volume
    statistic = 2 * ks * (2 * torch.logaddexp(own, other) - own - other - math.log(4.0))
    rejected = statistic > _TEST_THRESHOLD
    rejected[:, : _LEAST_K - 1] = False
    first = torch.where(
        rejected.any(dim=1), rejected.to(torch.uint8).argmax(dim=1), n_neighbors - 1
    )
    return (first + 1).clamp_min(_LEAST_K)


def _binomial(distances: Tensor, scale: Tensor, d: float) -> float:
    """Estimate from the rows inside a ball of each row's scale and inside a smaller one."""
    shrink = _OPTIMAL_SHARE ** (1.0 / max(d, _LEAST_POWER))
    outer = distances.gather(1, scale[:, None] - 1)  # (n, 1)
    inside = float((distances < shrink * outer).sum())
    total = float((scale - 1).sum())
    share = min(max(inside, 1.0) / total, 1.0 - 1e-6)
    return math.log(share) / math.log(shrink)
