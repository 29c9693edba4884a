"""One number with an interval, from the scale curve.

Clean rows are read at k = 2..5, where bias is least; noisy rows at the scale that the density
test picks. A flat curve at high dimension is averaged with the angles, which need fewer rows
there. The interval is the hull over families and scales, widened by standard errors; a curve
that bends brings in a family that bends likewise, and the value at radius zero.

Source: own measurements; the branches are ``adaptive_scale``, ``mild_noise`` and
``estimators.ess``. Differs from a plateau search, which was worse on clean rows and once picked
the noise as the plateau.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from app.science.errors import ScienceError
from app.science.intrinsic_dimension.adaptive_scale import AdaptiveEstimate
from app.science.intrinsic_dimension.bend import (
    BEND_MIN_K,
    SMALL_K,
    at_zero_radius,
    bend_of,
    families_of,
    flags_of,
)
from app.science.intrinsic_dimension.estimators.ess import ExpectedSimplexSkewness
from app.science.intrinsic_dimension.families import CORE, CURVED, HEAVY
from app.science.intrinsic_dimension.mild_noise import mild_noise
from app.science.intrinsic_dimension.neighbors import Neighbors
from app.science.intrinsic_dimension.recommended import Recommended, confidence
from app.science.intrinsic_dimension.scale_curve import BAND_STDERRS, ScaleCurve, ScalePoint

NOISE_RATIO = 1.4
# Both numbers are the design's, measured before this code was written; they were not searched.
ANGLES_DIMENSION = 13.0
FLAT_SLOPE = 0.02  # of log d against log k, from k = 2 to 100
_ANGLES_LEAST_K = 64
_ANGLES_K = 20


def recommend(
    curve: ScaleCurve,
    neighbors: Neighbors,
    *,
    ambient_dim: int,
    at_adaptive_scale: Callable[[], tuple[AdaptiveEstimate, ...]],
) -> Recommended:
    """Decide on the scale, the value and the interval.

    Parameters
    ----------
    neighbors : behind the curve, for angles and variances within patches
    ambient_dim : columns that vary, an upper limit of the answer
    at_adaptive_scale : called only when noise is suspected, because it searches again
    """
    noise = mild_noise(curve, neighbors, ambient_dim=ambient_dim)
    if noise_suspected(curve):
        best = _from_noise(at_adaptive_scale(), ambient_dim)
        return best if noise is None else replace(best, low=min(best.low, noise.low))
    best = _from_small_k(curve, ambient_dim)
    if noise is not None:
        flags = tuple(f for f in best.flags if f != "heavy_tail_or_boundary")
        return replace(
            best,
            value=min(noise.value, ambient_dim),
            low=min(best.low, noise.low),
            high=max(best.high, min(noise.value, ambient_dim)),
            flags=("noise_suspected", *flags),
            confidence="low",
        )
    return _with_angles(best, curve, neighbors, ambient_dim)


def noise_suspected(curve: ScaleCurve) -> bool:
    """Whether the dimension falls from k = 2 to 16 faster than any bias explains."""
    first, later = curve.points[0], curve.nearest(16)
    if later.k < BEND_MIN_K // 2:
        return False
    return min(first.raw / later.raw, first.value / later.value) > NOISE_RATIO


def is_flat(curve: ScaleCurve) -> bool:
    """Whether the calibrated curve reaches k = 64 and hardly changes up to 100."""
    first, last = curve.points[0], curve.nearest(100)
    if last.k < _ANGLES_LEAST_K:
        return False
    return abs(math.log(last.value / first.value)) < FLAT_SLOPE * math.log(last.k / first.k)


def _with_angles(
    best: Recommended, curve: ScaleCurve, neighbors: Neighbors, ambient_dim: int
) -> Recommended:
    """Average with the angles where dimension is high and the curve flat."""
    if best.value < ANGLES_DIMENSION or not is_flat(curve):
        return best
    try:
        angles = ExpectedSimplexSkewness().estimate(neighbors).value
    except ScienceError:
        return best
    middle, last = curve.nearest(_ANGLES_K), curve.nearest(100)
    value = (middle.value + angles) / 2
    low, high = min(middle.low, angles), max(middle.high, angles)
    if middle.at_high.beyond:
        high = ambient_dim
    return replace(
        best,
        value=min(value, ambient_dim),
        low=min(low, ambient_dim),
        high=min(high, ambient_dim),
        k_max=last.k,
        r_max=last.r_mean,
        confidence=confidence((high - low) / value, best.flags, best.clamped),
    )


def _from_small_k(curve: ScaleCurve, ambient_dim: int) -> Recommended:
    points = curve.between(*SMALL_K)
    value = sum(point.value for point in points) / len(points)
    bend = bend_of(curve, points, value)
    families = families_of(bend)
    low = min(point.at_low.by_family[name] for point in points for name in families)
    high = max(point.at_high.by_family[name] for point in points for name in families)
    flags = flags_of(bend)
    if flags:
        at_zero = at_zero_radius(curve, value)
        low, high = min(low, at_zero), max(high, at_zero)
    if any(point.at_high.beyond for point in points):
        high = float(ambient_dim)  # the table ends, so only the columns bound the answer
    ends = (min(value, ambient_dim), min(low, ambient_dim), min(high, ambient_dim))
    core = [v for point in points for v in point.calibrated.core()]
    return _recommended(ends, points, flags, core)


def _from_noise(estimates: tuple[AdaptiveEstimate, ...], ambient_dim: int) -> Recommended:
    """The middle estimate; the interval spans all scales, families and the raw values."""
    middle = estimates[len(estimates) // 2]
    names = (*CORE, HEAVY, CURVED)
    read = [v for e in estimates for v in (e.raw, *(e.calibrated.by_family[n] for n in names))]
    value = min(middle.calibrated.value, ambient_dim)
    margin = BAND_STDERRS * max(e.relative_stderr for e in estimates)
    low, high = min(read) * (1 - margin), min(max(read) * (1 + margin), ambient_dim)
    core = middle.calibrated.core()
    return Recommended(
        value=value,
        low=min(low, value),
        high=high,
        k_min=min(e.k for e in estimates),
        k_max=max(e.k for e in estimates),
        r_min=min(e.radius for e in estimates),
        r_max=max(e.radius for e in estimates),
        agreement=min(core) / max(core),
        confidence="low",
        flags=("noise_suspected", "no_plateau"),
        clamped=any(e.calibrated.clamped or e.calibrated.beyond for e in estimates),
    )


def _recommended(
    ends: tuple[float, float, float],
    points: tuple[ScalePoint, ...],
    flags: tuple[str, ...],
    core: list[float],
) -> Recommended:
    value, low, high = ends
    clamped = any(point.calibrated.clamped or point.at_high.beyond for point in points)
    return Recommended(
        value=value,
        low=low,
        high=high,
        k_min=points[0].k,
        k_max=points[-1].k,
        r_min=points[0].r_mean,
        r_max=points[-1].r_mean,
        agreement=min(core) / max(core),
        confidence=confidence((high - low) / value, flags, clamped),
        flags=flags,
        clamped=clamped,
    )
