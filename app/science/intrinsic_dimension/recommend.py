"""One number with an interval, from the scale curve.

Clean rows are read at k = 2..5, where bias is least; noisy rows at the scale that the density
test picks. The interval is the hull over families and scales, widened by standard errors. A
curve that bends brings in the curved or the heavy-tailed family and the value at radius zero.

Source: own measurements; the noise branch is ``adaptive_scale``. Differs from a plateau
search, which was worse on clean rows and once picked the noise as the plateau.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from app.science.intrinsic_dimension.adaptive_scale import AdaptiveEstimate
from app.science.intrinsic_dimension.families import CORE, CURVED, HEAVY
from app.science.intrinsic_dimension.scale_curve import BAND_STDERRS, ScaleCurve, ScalePoint

LEVEL = 0.9
SMALL_K = (2, 5)
NOISE_RATIO = 1.4
BEND = 0.08
NO_PLATEAU_BEND = 0.16
_BEND_MIN_K = 16
_EXTRAPOLATION_K = 20
_MAX_EXTRAPOLATION = math.log(1.5)


@dataclass(frozen=True, slots=True)
class Recommended:
    """The answer, calibrated.

    Parameters
    ----------
    value, low, high : intrinsic dimension; the interval aims at level ``level``
    k_min, k_max : neighbors at the scale used
    r_min, r_max : mean distances at that scale, unit of the input
    agreement : smallest over largest family value, in (0, 1]
    confidence : high, medium or low
    flags : what the curve showed
    clamped : an end of the calibration table was reached
    """

    value: float
    low: float
    high: float
    k_min: int
    k_max: int
    r_min: float
    r_max: float
    agreement: float
    confidence: str
    flags: tuple[str, ...]
    clamped: bool
    level: float = LEVEL

    @property
    def for_sizing(self) -> float:
        """The upper end: neighbors can only understate the dimension that bounds errors."""
        return self.high


def recommend(
    curve: ScaleCurve,
    *,
    ambient_dim: int,
    at_adaptive_scale: Callable[[], tuple[AdaptiveEstimate, ...]],
) -> Recommended:
    """Decide on the scale, the value and the interval.

    Parameters
    ----------
    ambient_dim : columns that vary, an upper limit of the answer
    at_adaptive_scale : called only when noise is suspected, because it searches again
    """
    if noise_suspected(curve):
        return _from_noise(at_adaptive_scale(), ambient_dim)
    return _from_small_k(curve, ambient_dim)


def noise_suspected(curve: ScaleCurve) -> bool:
    """Whether the dimension falls from k = 2 to 16 faster than any bias explains."""
    first, later = curve.points[0], curve.nearest(16)
    if later.k < _BEND_MIN_K // 2:
        return False
    return min(first.raw / later.raw, first.value / later.value) > NOISE_RATIO


def _from_small_k(curve: ScaleCurve, ambient_dim: int) -> Recommended:
    points = curve.between(*SMALL_K)
    value = sum(point.value for point in points) / len(points)
    bend = _bend(curve, points, value)
    families = [*CORE]
    if bend is None or bend > BEND:
        families.append(CURVED)
    if bend is None or bend < -BEND:
        families.append(HEAVY)
    low = min(point.at_low.by_family[name] for point in points for name in families)
    high = max(point.at_high.by_family[name] for point in points for name in families)
    flags = _bend_flags(bend)
    if flags:
        at_zero = _at_zero_radius(curve, value)
        low, high = min(low, at_zero), max(high, at_zero)
    if any(point.at_high.beyond for point in points):
        high = float(ambient_dim)  # the table ends, so only the columns bound the answer
    ends = (min(value, ambient_dim), min(low, ambient_dim), min(high, ambient_dim))
    core = [v for point in points for v in point.calibrated.core()]
    return _recommended(ends, points, flags, core)


def _from_noise(estimates: tuple[AdaptiveEstimate, ...], ambient_dim: int) -> Recommended:
    """The middle estimate; the interval spans all scales, families and the raw values."""
    middle = estimates[len(estimates) // 2]
    read = [v for e in estimates for v in (e.raw, *e.calibrated.by_family.values())]
    value = min(middle.calibrated.value, ambient_dim)
    margin = BAND_STDERRS * max(e.relative_stderr for e in estimates)
    low, high = min(read) * (1 - margin), min(max(read) * (1 + margin), ambient_dim)
    low = min(low, value)
    core = middle.calibrated.core()
    return Recommended(
        value=value,
        low=low,
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
        confidence=_confidence((high - low) / value, flags, clamped),
        flags=flags,
        clamped=clamped,
    )


def _bend(curve: ScaleCurve, points: tuple[ScalePoint, ...], value: float) -> float | None:
    """Log of the calibrated value at the largest k over that at small k; None if k is short."""
    last = curve.points[-1]
    if last.k < _BEND_MIN_K:
        return None
    noise = 2 * points[-1].raw_se / points[-1].raw
    bend = math.log(last.value / value)
    return math.copysign(max(0.0, abs(bend) - noise), bend)


def _bend_flags(bend: float | None) -> tuple[str, ...]:
    if bend is None or abs(bend) <= BEND:
        return ()
    kind = "curvature_suspected" if bend > 0 else "heavy_tail_or_boundary"
    return (kind, "no_plateau") if abs(bend) > NO_PLATEAU_BEND else (kind,)


def _at_zero_radius(curve: ScaleCurve, value: float) -> float:
    """Extend a line in the squared radius to zero; curvature enters at that order."""
    points = curve.between(SMALL_K[0], _EXTRAPOLATION_K)
    weights = [point.k - 1.0 for point in points]
    total = sum(weights)
    squares = [point.r_mean**2 for point in points]
    x = sum(w * s for w, s in zip(weights, squares, strict=True)) / total
    y = sum(w * p.value for w, p in zip(weights, points, strict=True)) / total
    spread = sum(w * (s - x) ** 2 for w, s in zip(weights, squares, strict=True))
    if spread == 0:
        return value
    both = zip(weights, squares, points, strict=True)
    slope = sum(w * (s - x) * (p.value - y) for w, s, p in both) / spread
    change = math.log(max(y - slope * x, 1e-9) / value)
    return value * math.exp(max(-_MAX_EXTRAPOLATION, min(_MAX_EXTRAPOLATION, change)))


def _confidence(relative_width: float, flags: tuple[str, ...], clamped: bool) -> str:
    if clamped or "no_plateau" in flags or relative_width > 0.5:
        return "low"
    return "high" if relative_width <= 0.2 and not flags else "medium"
