"""How the calibrated curve bends with scale, and what a bend brings into the interval.

Curvature makes the curve rise, heavy tails and boundaries make it fall. A family that bends the
same way joins the interval, and so does the value extended to radius zero.

Source: own measurements. Differs from a correction: the value itself stays where it was read,
because the extension helps curved clouds and hurts flat ones of high dimension.
"""

import math

from app.science.intrinsic_dimension.families import CORE, CURVED, EDGE, HEAVY
from app.science.intrinsic_dimension.scale_curve import ScaleCurve, ScalePoint

SMALL_K = (2, 5)
BEND_MIN_K = 16
BEND = 0.08  # flags; the interval widens earlier
WIDER_BEND = 0.05
EDGE_BEND = 0.02
NO_PLATEAU_BEND = 0.16
_EXTRAPOLATION_K = 20
_MAX_EXTRAPOLATION = math.log(1.5)


def bend_of(curve: ScaleCurve, points: tuple[ScalePoint, ...], value: float) -> float | None:
    """Log of the calibrated value at the largest k over that at small k; None if k is short."""
    last = curve.points[-1]
    if last.k < BEND_MIN_K:
        return None
    noise = 2 * points[-1].raw_se / points[-1].raw
    bend = math.log(last.value / value)
    return math.copysign(max(0.0, abs(bend) - noise), bend)


def families_of(bend: float | None) -> list[str]:
    """Families whose readings make the interval; the core alone where the curve is straight."""
    sides = {
        CURVED: bend is None or bend > WIDER_BEND,
        HEAVY: bend is None or bend < -WIDER_BEND,
        EDGE: bend is None or bend < -EDGE_BEND,
    }
    return [*CORE, *(name for name, joins in sides.items() if joins)]


def flags_of(bend: float | None) -> tuple[str, ...]:
    """What a bend is called; none where it is slight."""
    if bend is None or abs(bend) <= BEND:
        return ()
    kind = "curvature_suspected" if bend > 0 else "heavy_tail_or_boundary"
    return (kind, "no_plateau") if abs(bend) > NO_PLATEAU_BEND else (kind,)


def at_zero_radius(curve: ScaleCurve, value: float) -> float:
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
