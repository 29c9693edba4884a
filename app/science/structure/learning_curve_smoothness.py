"""Smoothness from how fast a kernel's error falls with rows.

The excess error falls as n^-s with s = 2 b / (2 b + d), so b = s d / (2 (1 - s)). Noise variance,
losses and dimension are each known within an interval only; the interval of b comes from drawing
all three.

Source: Nakada and Imaizumi 2020, JMLR 21(174), theorems 7 and 8 (the rate). Differs from the
paper: its exponent is read backwards.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.science.linalg import Floats
from app.science.structure.contest import Contest
from app.science.structure.noise import LEVEL, Estimate

LEAST, MOST = 0.5, 2.0
"""Outside, no number of rows that is usual tells one smoothness from another."""
DRAWS = 400
LEAST_EXCESS = 0.02
"""Share of a loss that is left as excess where the noise drawn is larger than the loss."""
STEEPEST = 0.98


@dataclass(frozen=True)
class LearningCurve:
    """Rows and the kernel's losses, the exponent of the excess, and the smoothness it implies.

    rate : s with its interval; smoothness : b, clipped to [0.5, 2]; clipped : b lies at an end
    """

    n: tuple[int, ...]
    losses: tuple[float, ...]
    standard_errors: tuple[float, ...]
    rate: Estimate
    smoothness: Estimate

    @property
    def clipped(self) -> bool:
        """Whether the value lies at an end of what can be told apart."""
        return self.smoothness.value in (LEAST, MOST)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "clipped": self.clipped}


def smoothness_from_curve(
    contest: Contest, noise: Estimate, dimension: Estimate, rng: np.random.Generator
) -> LearningCurve:
    """Fit s and turn it into b.

    Parameters
    ----------
    noise : variance in units of the target's; dimension : intrinsic
    """
    n = np.array([each.n for each in contest.rounds], dtype=np.float64)
    losses = np.array([each.mean("kernel") for each in contest.rounds])
    errors = np.array([each.standard_error("kernel") for each in contest.rounds])
    drawn = losses + errors * rng.standard_normal((DRAWS, len(n)))
    rates = _rates(n, drawn, rng.uniform(noise.low, noise.high, DRAWS))
    rate = float(_rates(n, losses[None], np.array([noise.value]))[0])
    dimensions = rng.uniform(dimension.low, dimension.high, DRAWS)
    smoothness = _smoothness(np.array([rate]), np.array([dimension.value]))
    return LearningCurve(
        n=tuple(int(v) for v in n),
        losses=tuple(losses.tolist()),
        standard_errors=tuple(errors.tolist()),
        rate=_estimate(rate, rates),
        smoothness=_estimate(float(smoothness[0]), _smoothness(rates, dimensions)),
    )


def _rates(n: Floats, losses: Floats, noise: Floats) -> Floats:
    """(draws,), minus the slope of log excess against log n, in [0, 0.98]."""
    excess = np.maximum(losses - noise[:, None], LEAST_EXCESS * losses.clip(1e-12))
    x = np.log(n) - np.log(n).mean()
    return np.asarray((-(np.log(excess) @ x) / (x @ x)).clip(0.0, STEEPEST))


def _smoothness(rates: Floats, dimensions: Floats) -> Floats:
    return np.asarray((rates * dimensions / (2.0 * (1.0 - rates))).clip(LEAST, MOST))


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.quantile(drawn, LEVEL)
    return Estimate(value, min(float(low), value), max(float(high), value))
