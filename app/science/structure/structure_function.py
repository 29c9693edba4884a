"""How differences of the target grow with distance, and whether they jump.

S_p(r) is the mean of |y - y'|^p over pairs at distance r, and zeta_p its exponent. A smooth target
has zeta_p = p min(b, 1); where it jumps, pairs cross the jump with a probability in proportion to
r, and zeta_p comes to 1 for every p. So J = zeta_4 / zeta_2 is 2 for smooth targets and 1 for
jumps. Noise adds 2 s to S_2 and 12 s (S_2 - 2 s) + (2 k + 6) s^2 to S_4 for variance s and kurtosis
k, and is taken off first.

Source: Muzy, Bacry and Arneodo 1993, doi:10.1103/PhysRevE.47.875 (structure functions and their
exponents); Imaizumi and Fukumizu 2022, JMLR 23(111) (piecewise smooth functions). Differs from
them: scattered rows in several dimensions, noise taken off, J as the statistic.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.structure.near_pairs import NearPairs
from app.science.structure.noise import LEVEL, Estimate, NoiseLevel, power_law

GAUSS_KURTOSIS = 3.0
CLEAR = 2.0
"""A shell counts where what is left without noise is this many standard errors above zero."""
MIN_SHELLS = 3
LEAST_ERROR = 0.02
MOST_NOISE = {1: 0.25, 4: 0.5}
"""Share of S_2 that noise may have where zeta_1, which cannot be corrected, and J are still read:
noise that is not the same everywhere adds to S_4 more than any formula takes off."""


@dataclass(frozen=True)
class StructureFunction:
    """Exponents by power, None where no three shells rise above the noise, and J.

    radii, second, fourth : (shells,), mean distance and the moments without noise
    jump_index : its interval holds the bootstrap's and both shapes of noise, Gaussian and that of
        a model's residuals
    """

    radii: Floats
    second: Floats
    fourth: Floats
    zeta: dict[int, Estimate | None]
    jump_index: Estimate | None
    noise_share: float

    def second_moment_only(self) -> "StructureFunction":
        """Without what means nothing where differences are 0 or 1."""
        return replace(self, zeta={1: None, 2: self.zeta[2], 4: None}, jump_index=None)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        zeta = {str(p): e.to_json() if e else None for p, e in self.zeta.items()}
        return {
            "radii": self.radii.tolist(),
            "second_moment_without_noise": self.second.tolist(),
            "fourth_moment_without_noise": self.fourth.tolist(),
            "zeta": zeta,
            "jump_index": self.jump_index.to_json() if self.jump_index else None,
            "noise_share_at_smallest_radius": self.noise_share,
        }


@dataclass(frozen=True)
class _Curves:
    """Log distance and moments of the rows as they are first, then of the resampled ones.

    log_r, first, second, fourth : (1 + replicates, shells); variance : (1 + replicates, 1);
    loudest : the largest reading of the variance
    """

    log_r: Floats
    first: Floats
    second: Floats
    fourth: Floats
    variance: Floats
    loudest: float

    @property
    def without_noise(self) -> Floats:
        """S_2 - 2 s."""
        return np.asarray(self.second - 2.0 * self.variance)

    def quiet(self, share: float) -> NDArray[np.bool_]:
        """(shells,), where noise has at most this share of S_2 by its largest reading."""
        loudest = max(self.loudest, float(self.variance[0, 0]))
        return np.asarray(2.0 * loudest <= share * self.second[0])

    def fourth_without_noise(self, kurtosis: float) -> Floats:
        """S_4 without its noise."""
        s = self.variance
        return np.asarray(
            self.fourth - 12.0 * s * self.without_noise - (2.0 * kurtosis + 6.0) * s**2
        )


def structure_function(
    pairs: NearPairs,
    noise: NoiseLevel,
    *,
    residual_kurtosis: float,
    rng: np.random.Generator,
) -> StructureFunction:
    """Measure the exponents.

    Parameters
    ----------
    noise : of the same rows; where replicates tell it is taken as it is, else fitted again together
        with the exponent to each resampling
    residual_kurtosis : of a model's errors on unseen rows, the heaviest that noise can be
    """
    curves = _curves(pairs, noise, rng)
    shapes = (GAUSS_KURTOSIS, max(residual_kurtosis, GAUSS_KURTOSIS))
    indices = [_jump_index(curves, kurtosis) for kurtosis in shapes]
    fourth = curves.fourth_without_noise(GAUSS_KURTOSIS)
    zeta = {1: _first(curves), 2: _exponent(curves, curves.without_noise)}
    return StructureFunction(
        radii=np.exp(curves.log_r[0]),
        second=curves.without_noise[0],
        fourth=fourth[0],
        zeta={**zeta, 4: _exponent(curves, fourth)},
        jump_index=_hull(indices),
        noise_share=float(min(2.0 * curves.variance[0, 0] / max(curves.second[0, 0], 1e-300), 1.0)),
    )


def _curves(pairs: NearPairs, noise: NoiseLevel, rng: np.random.Generator) -> _Curves:
    weights = np.vstack([pairs.once, pairs.resampled(rng)])
    log_r, moments = pairs.curves(weights)
    if noise.by == "replicates":
        variance = np.full(len(weights), noise.variance.value)
    else:
        errors = moments[2][1:].std(axis=0)
        variance = power_law(log_r, moments[2], errors, noise.ceiling).variance
    return _Curves(log_r, moments[1], moments[2], moments[4], variance[:, None], noise.loudest)


def _clear(values: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Which shells rise above the noise, and the weights of their logarithms."""
    errors = values[1:].std(axis=0)
    clear = values[0] > CLEAR * errors
    relative = errors / np.where(clear, values[0], 1.0)
    return clear, np.where(clear, 1.0 / np.maximum(relative, LEAST_ERROR) ** 2, 0.0)


def _slopes(log_r: Floats, values: Floats, weights: Floats) -> Floats:
    """(1 + replicates,), weighted slopes of log values."""
    logs = np.log(np.maximum(values, 1e-12))
    x = log_r - (weights * log_r).sum(axis=1, keepdims=True) / weights.sum()
    return np.asarray((weights * x * logs).sum(axis=1) / (weights * x * x).sum(axis=1))


def _exponent(curves: _Curves, values: Floats) -> Estimate | None:
    clear, weights = _clear(values)
    if clear.sum() < MIN_SHELLS:
        return None
    return _estimate(_slopes(curves.log_r, values, weights))


def _first(curves: _Curves) -> Estimate | None:
    """zeta_1 as it is, where there is hardly any noise: no formula takes it off."""
    quiet = curves.quiet(MOST_NOISE[1])
    clear, weights = _clear(curves.first)
    weights = np.where(quiet, weights, 0.0)
    if (clear & quiet).sum() < MIN_SHELLS:
        return None
    return _estimate(_slopes(curves.log_r, curves.first, weights))


def _jump_index(curves: _Curves, kurtosis: float) -> Estimate | None:
    """Both slopes over the same shells with the same weights: a bend then moves both alike."""
    fourth = curves.fourth_without_noise(kurtosis)
    clear, weights = _clear(fourth)
    quiet = curves.quiet(MOST_NOISE[4])
    weights = np.where(quiet, weights, 0.0)
    if (clear & quiet).sum() < MIN_SHELLS:
        return None
    second = _slopes(curves.log_r, curves.without_noise, weights)
    if second[0] <= 0.0:
        return None
    usable = second > 0.0
    return _estimate(_slopes(curves.log_r, fourth, weights)[usable] / second[usable])


def _estimate(drawn: Floats) -> Estimate:
    value = float(drawn[0])
    low, high = np.quantile(drawn, LEVEL)
    return Estimate(value, min(float(low), value), max(float(high), value))


def _hull(indices: list[Estimate | None]) -> Estimate | None:
    """The first one's value between the least and the largest end; None where one is missing."""
    found = [index for index in indices if index is not None]
    if len(found) < len(indices):
        return None
    return Estimate(found[0].value, min(e.low for e in found), max(e.high for e in found))
