"""Noise too weak to bend the curve at once, found by its own variance in patches.

Noise adds a constant c to every squared distance, twice its total variance, so it inflates the
dimension by a share that falls with the radius r as c / r^2. A patch shows that variance: the
axes beyond the manifold's carry it, all of them alike. Curvature also spills into those axes,
but unevenly; that is how the two are told apart.

Source: own; the inflation at first order follows from N(r) ~ (r^2 - c)^(d / 2). Differs from
that law by a factor of two, measured on noisy Gaussians of 3, 6 and 10 dimensions with 2500 and
10,000 rows: the nearest rows of a pair lie nearer than r, and dense regions suffer more.
"""

import math
from dataclasses import dataclass

from app.science.intrinsic_dimension.families import CORE
from app.science.intrinsic_dimension.neighbors import Neighbors
from app.science.intrinsic_dimension.patches import local_spectra
from app.science.intrinsic_dimension.scale_curve import ScaleCurve, ScalePoint

PATCH_ROWS = 128
MIN_SHARE = 0.03  # of the squared distance at k = 2
MIN_DRIFT = 0.02  # of log d, from k = 3 to 32
MIN_DRIFT_STDERRS = 2.0
MAX_TAIL_RATIO = 15.0
_N_PATCHES = 200
_LEAST_TAIL = 3
_NEAREST_TAIL = 1.25  # times the dimension
_DEEPEST_CUT = 0.6
_VALUE_KS = (10, 40)


@dataclass(frozen=True, slots=True)
class MildNoise:
    """What is left of the calibrated curve when the noise is taken off.

    Parameters
    ----------
    value : mean over k = 10..40
    low : smallest over scales and families, less the band
    """

    value: float
    low: float


def mild_noise(curve: ScaleCurve, neighbors: Neighbors, *, ambient_dim: int) -> MildNoise | None:
    """The corrected curve where every sign of noise is there, else None.

    Parameters
    ----------
    ambient_dim : columns that vary; patches must span them, so fewer than their rows
    """
    if not _drifts(curve):
        return None
    squared = _noise_squared(curve, neighbors, ambient_dim)
    if squared is None or squared < MIN_SHARE * curve.points[0].r_mean ** 2:
        return None
    return _corrected(curve, squared)


def _drifts(curve: ScaleCurve) -> bool:
    """Whether the calibrated value falls from k = 3 to 32 by more than chance."""
    near, far = curve.nearest(3), curve.nearest(32)
    drift = math.log(near.value / far.value)
    stderr = math.hypot(near.raw_se / near.raw, far.raw_se / far.raw)
    return drift > max(MIN_DRIFT, MIN_DRIFT_STDERRS * stderr)


def _noise_squared(curve: ScaleCurve, neighbors: Neighbors, ambient_dim: int) -> float | None:
    """Squared distance that noise alone puts between two rows; None where no even tail is seen.

    The tail starts at twice the dimension where there is room, so that the first order of
    curvature stays outside.
    """
    d = curve.nearest(32).value
    first = min(math.ceil(2 * d), ambient_dim - _LEAST_TAIL)
    spans = 4 * ambient_dim <= 3 * min(PATCH_ROWS, neighbors.distances.shape[1])
    if not spans or first < _NEAREST_TAIL * d:
        return None
    spectrum = local_spectra(neighbors, PATCH_ROWS, at_most=_N_PATCHES).mean(dim=0)
    tail = spectrum[first:ambient_dim]
    if float(tail[0]) > MAX_TAIL_RATIO * float(tail[-1]):
        return None
    return 2 * ambient_dim * float(tail.mean())


def _corrected(curve: ScaleCurve, noise_squared: float) -> MildNoise:
    def factor(point: ScalePoint) -> float:
        return max(1 - _DEEPEST_CUT, 1 - 2 * noise_squared / point.r_mean**2)

    middle = curve.between(*_VALUE_KS)
    ends = (point.at_low.by_family[name] * factor(point) for point in curve.points for name in CORE)
    value = sum(point.value * factor(point) for point in middle) / len(middle)
    return MildNoise(value=value, low=min(value, *ends))
