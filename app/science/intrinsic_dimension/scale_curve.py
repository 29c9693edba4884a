"""Dimension against scale: the pooled estimate at every k, raw and calibrated.

Source: the pooled estimate of ``estimators.mle``; the spread of ten disjoint groups of query
rows stands for a jackknife (Efron 1982, "The jackknife, the bootstrap and other resampling
plans"). Differs from a plain Fisher error, which at k = 100 is up to 2.3 times too small.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances
from app.science.intrinsic_dimension.calibration import Calibrated, calibrate
from app.science.intrinsic_dimension.estimators.mle import pooled_curve
from app.science.intrinsic_dimension.neighbors import Neighbors

KS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128)
MAX_K = KS[-1]
MAX_K_SHARE = 0.1
BAND_STDERRS = 2.7  # 1.96 for the law of errors, 1.4 for overlapping neighborhoods
_N_GROUPS = 10


@dataclass(frozen=True, slots=True)
class ScalePoint:
    """The dimension at one scale.

    Parameters
    ----------
    k : neighbors used
    p : k / n_references
    r_mean : geometric mean of the k-th distance, unit of the input
    raw, raw_se : pooled estimate and its standard error, bias included
    calibrated : the raw value read by every family
    at_low, at_high : the same for the raw value less and plus ``BAND_STDERRS`` errors
    """

    k: int
    p: float
    r_mean: float
    raw: float
    raw_se: float
    calibrated: Calibrated
    at_low: Calibrated
    at_high: Calibrated

    @property
    def value(self) -> float:
        """Calibrated dimension, mean over the core families."""
        return self.calibrated.value

    @property
    def low(self) -> float:
        """Lower end of the band over the core families."""
        return min(self.at_low.core())

    @property
    def high(self) -> float:
        """Upper end of the band over the core families."""
        return max(self.at_high.core())


@dataclass(frozen=True, slots=True)
class ScaleCurve:
    """Points in ascending k; at least one.

    Parameters
    ----------
    points : one for each k of the grid at which distances do not all tie
    n_references : distinct rows that were searched
    """

    points: tuple[ScalePoint, ...]
    n_references: int

    def nearest(self, k: int) -> ScalePoint:
        """The point whose k is nearest to ``k`` on a log scale."""
        return min(self.points, key=lambda point: abs(math.log(point.k / k)))

    def between(self, low: int, high: int) -> tuple[ScalePoint, ...]:
        """Points with low <= k <= high, or the nearest one to ``low``."""
        inside = tuple(point for point in self.points if low <= point.k <= high)
        return inside or (self.nearest(low),)


def largest_k(n_references: int) -> int:
    """How many neighbors a curve over this many rows may use."""
    return max(KS[0], min(MAX_K, int(MAX_K_SHARE * n_references)))


def scale_curve(neighbors: Neighbors) -> ScaleCurve:
    """Estimate at every k of the grid that the neighbors allow.

    Raises
    ------
    DegenerateDistances
        All distances tie at every k.
    """
    distances = neighbors.distances
    ks = [k for k in KS if k <= distances.shape[1]]
    raw = pooled_curve(distances)
    errors = _standard_errors(distances, raw)
    radii = distances.log().mean(dim=0).exp()
    points = tuple(
        _point(k, neighbors.n_references, float(radii[k - 1]), float(raw[k - 1]), errors[k - 1])
        for k in ks
        if bool(torch.isfinite(raw[k - 1]))
    )
    if not points:
        raise DegenerateDistances("neighbor distances tie at every scale")
    return ScaleCurve(points=points, n_references=neighbors.n_references)


def _standard_errors(distances: Tensor, raw: Tensor) -> list[float]:
    """The larger of the independent-row error and the spread of groups, at each k; (K,)."""
    n, n_neighbors = distances.shape
    k = torch.arange(1, n_neighbors + 1, dtype=torch.float64, device=distances.device)
    independent = raw / (n * (k - 1)).clamp_min(1.0).sqrt()
    groups = torch.stack([pooled_curve(distances[g::_N_GROUPS]) for g in range(_N_GROUPS)])
    spread = groups.std(dim=0) / math.sqrt(_N_GROUPS)
    errors: list[float] = torch.fmax(independent, spread.nan_to_num(0.0, 0.0, 0.0)).tolist()
    return errors


def _point(k: int, n: int, r_mean: float, raw: float, raw_se: float) -> ScalePoint:
    half = min(BAND_STDERRS * raw_se, 0.9 * raw)
    at_low, middle, at_high = (
        calibrate(value, k=k, n_references=n) for value in (raw - half, raw, raw + half)
    )
    return ScalePoint(
        k=k,
        p=k / n,
        r_mean=r_mean,
        raw=raw,
        raw_se=raw_se,
        calibrated=middle,
        at_low=at_low,
        at_high=at_high,
    )
