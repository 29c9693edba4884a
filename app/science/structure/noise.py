"""The variance of the target that its columns do not explain, at any number of rows.

Three readings: rows that share all columns, where there are some; the intercept of half the
structure function S_2(r) / 2 = sigma^2 + c r^zeta / 2 at distance zero; and the same from nearest
neighbors alone. None may exceed what a model leaves on rows that it has not seen.

Source: Gasser, Sroka and Jennen-Steinmetz 1986, doi:10.1093/biomet/73.3.625 (differences of
neighbors); Devroye, Gyorfi, Lugosi and Walk 2018, doi:10.1214/18-EJS1438 (nearest neighbors in
several dimensions). Differs from them: extrapolated to distance zero.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from app.science.linalg import Floats
from app.science.structure.near_pairs import Ints, Nearest, NearPairs, drawn_weights

EXPONENTS = np.linspace(1.0, 2.0, 11)
"""Of S_2: 1 at a jump, 2 b for 0.5 < b < 1, else 2. Smaller ones would pass for noise."""
LEAST_MISFIT = 0.02
"""No power law holds more closely than this over all shells, however many pairs there are."""
MIN_REPLICATES, COPIES = 30, 0.5
LEVEL = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval of level 0.9."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class NoiseLevel:
    """The noise variance, in units of the target's variance.

    by : which reading gave the value; ceiling : what no noise can exceed; readings : all of them
    """

    variance: Estimate
    by: str
    ceiling: float
    readings: dict[str, Estimate]

    @property
    def loudest(self) -> float:
        """The largest reading; in many dimensions they may lie far apart."""
        return max(reading.value for reading in self.readings.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        readings = {name: reading.to_json() for name, reading in self.readings.items()}
        return {
            **self.variance.to_json(),
            "by": self.by,
            "ceiling": self.ceiling,
            "readings": readings,
        }


class PowerLaw(NamedTuple):
    """S_2(r) = 2 variance + c r^exponent; arrays of the shape of the moments without shells."""

    variance: Floats
    exponent: Floats


def power_law(log_r: Floats, moments: Floats, errors: Floats, ceiling: float) -> PowerLaw:
    """Weighted least squares over the exponent's grid, the variance in [0, ceiling].

    Parameters
    ----------
    log_r, moments : (..., shells); errors : (shells,), standard errors of the moments
    """
    weights = 1.0 / (errors**2 + (LEAST_MISFIT * moments) ** 2 + 1e-300)
    reach = log_r - log_r[..., -1:]
    fits = [_at_exponent(np.exp(k * reach), moments, weights, ceiling) for k in EXPONENTS]
    misfit = np.stack([misfit for misfit, _ in fits])
    best = misfit.argmin(axis=0)
    offsets = np.stack([offset for _, offset in fits])
    chosen = np.take_along_axis(offsets, best[None], axis=0)[0]
    return PowerLaw(chosen / 2.0, EXPONENTS[best])


def _at_exponent(
    u: Floats, moments: Floats, weights: Floats, ceiling: float
) -> tuple[Floats, Floats]:
    total = weights.sum(axis=-1)
    mean_u = ((weights * u).sum(axis=-1) / total)[..., None]
    mean = ((weights * moments).sum(axis=-1) / total)[..., None]
    slope = (weights * (u - mean_u) * (moments - mean)).sum(axis=-1, keepdims=True)
    slope = slope / (weights * (u - mean_u) ** 2).sum(axis=-1, keepdims=True)
    offset = (mean - slope * mean_u).clip(0.0, 2.0 * ceiling)
    slope = (weights * u * (moments - offset)).sum(axis=-1, keepdims=True)
    slope = slope / (weights * u * u).sum(axis=-1, keepdims=True)
    misfit = (weights * (moments - offset - slope * u) ** 2).sum(axis=-1)
    return np.asarray(misfit), np.asarray(offset[..., 0])


def noise_level(
    pairs: NearPairs, X: Floats, y: Floats, ceiling: float, rng: np.random.Generator
) -> NoiseLevel:
    """Read the noise.

    Parameters
    ----------
    pairs : of rows in the metric whose distances count
    X : (n, p); y : (n,), all rows, searched for such that share all columns
    ceiling : what a model leaves on unseen rows
    """
    readings = {
        "structure_function": _intercept(pairs, ceiling, rng),
        "nearest_neighbors": _from_nearest(pairs.nearest, ceiling, rng),
    }
    replicates = _from_replicates(X, y)
    if replicates is not None:
        readings = {"replicates": replicates, **readings}
    by = next(iter(readings))
    return NoiseLevel(_widened(readings, by), by, ceiling, readings)


def _widened(readings: dict[str, Estimate], by: str) -> Estimate:
    """The chosen reading; its interval holds the others' too unless it comes from replicates."""
    best = readings[by]
    if by == "replicates":
        return best
    low = min(reading.low for reading in readings.values())
    return Estimate(best.value, low, max(reading.high for reading in readings.values()))


def _intercept(pairs: NearPairs, ceiling: float, rng: np.random.Generator) -> Estimate:
    log_r, moments = pairs.curves(pairs.once)
    log_again, again = pairs.curves(pairs.resampled(rng))
    errors = again[2].std(axis=0)
    value = power_law(log_r, moments[2], errors, ceiling).variance
    drawn = power_law(log_again, again[2], errors, ceiling).variance
    return _estimate(float(value), drawn)


def _from_nearest(nearest: Nearest, ceiling: float, rng: np.random.Generator) -> Estimate:
    """A line through half the squared gap to the nearest row, against the squared distance."""
    known = np.isfinite(nearest.squares)
    u, v = nearest.squares[known], nearest.gaps[known] ** 2 / 2.0

    def intercept(weights: Floats) -> Floats:
        total = weights.sum(axis=-1)
        mean_u, mean_v = (weights @ u) / total, (weights @ v) / total
        spread = (weights @ (u * u)) / total - mean_u**2
        slope = ((weights @ (u * v)) / total - mean_u * mean_v) / np.maximum(spread, 1e-300)
        return np.asarray((mean_v - slope.clip(0.0) * mean_u).clip(0.0, ceiling))

    value = float(intercept(np.ones(len(u))))
    return _estimate(value, intercept(drawn_weights(len(u), rng)))


def _from_replicates(X: Floats, y: Floats) -> Estimate | None:
    """Pooled variance within groups of rows that share all columns, if there are enough.

    None also where most such rows share their target: those are copies of one record.
    """
    _, group, size = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    freedom = len(y) - len(size)
    if freedom < MIN_REPLICATES or _mostly_copies(group, y):
        return None
    mean = np.bincount(group, y) / size
    within = np.bincount(group, (y - mean[group]) ** 2)
    value = float(within.sum() / freedom)
    spread = within - value * (size - 1)
    error = float(np.sqrt((spread**2).sum()) / freedom)
    return Estimate(value, max(value - 1.645 * error, 0.0), value + 1.645 * error)


def _mostly_copies(group: Ints, y: Floats) -> bool:
    order = np.lexsort((y, group))
    same_row = np.diff(group[order]) == 0
    return bool((np.diff(y[order])[same_row] == 0.0).mean() > COPIES)


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.quantile(drawn, LEVEL)
    return Estimate(value, min(float(low), value), max(float(high), value))
