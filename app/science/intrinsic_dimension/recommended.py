"""The answer as a value: one number, its interval, the scale it was read at, and flags."""

from dataclasses import dataclass

LEVEL = 0.9


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


def confidence(relative_width: float, flags: tuple[str, ...], clamped: bool) -> str:
    """One word for how far the interval may be trusted."""
    if clamped or "no_plateau" in flags or relative_width > 0.5:
        return "low"
    return "high" if relative_width <= 0.2 and not flags else "medium"
