"""Where the data lie in the phase diagram: which family of methods has the best possible rate.

Targets are pieces of smoothness b cut by boundaries of smoothness a, in D dimensions. Networks
reach n^-min(2 b / (2 b + D), a / (a + D - 1)) up to logarithms, and nothing is faster; no linear
estimator, kernel ridge among them, is faster than n^-(a / (2 a + D - 1)). Without jumps kernels
and networks share n^-(2 b / (2 b + D)).

Source: Imaizumi and Fukumizu 2022, JMLR 23(111), theorems 7 and 13, proposition 15. The paper
prints two boundaries: a < 2 b (D - 1) / (D - 2 b) (introduction, figures), where linear estimators
are slower, and a < 2 b (D - 1) / D (corollary 20), where the jump's part of the network's own rate
dominates as well. Differs from the paper: the intrinsic dimension stands for D.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.structure.noise import Estimate
from app.science.structure.singularity import Side

Region = Literal["jump_dominates", "linear_is_slower", "no_gap_proved"]
REGIONS: tuple[Region, ...] = ("jump_dominates", "linear_is_slower", "no_gap_proved")

BOUNDARY_SMOOTHNESS = Estimate(1.0, 1.0, 2.0)
"""Rows tell whether a jump's surface is rougher than Lipschitz, not how smooth it is beyond."""
DRAWS = 2000
FAMILIES: dict[Side, str] = {
    "smooth": "kernel methods and networks reach the same rate; no jump units are needed",
    "jump": "networks with jump units, and trees, can reach the best rate; "
    "kernel ridge and every other linear estimator cannot",
    "undecided": "the data do not tell; fit a kernel, try corrections, let held-out rows decide",
}
NO_GAP = (
    "a jump is there, but at this smoothness no theorem sets networks apart from kernel methods; "
    "held-out rows decide"
)


def network_rate(a: Floats, b: Floats, D: Floats) -> Floats:
    """Exponent r of the risk n^-r that networks reach and nothing exceeds (theorems 7 and 13)."""
    return np.asarray(np.minimum(smooth_rate(b, D), a / (a + D - 1.0)))


def linear_rate(a: Floats, D: Floats) -> Floats:
    """Exponent that no linear estimator exceeds when there are jumps (proposition 15)."""
    return np.asarray(a / (2.0 * a + D - 1.0))


def smooth_rate(b: Floats, D: Floats) -> Floats:
    """Exponent of both families without jumps."""
    return np.asarray(2.0 * b / (2.0 * b + D))


def introduction_boundary(b: Floats, D: float) -> Floats:
    """Largest a at which linear estimators are slower; infinite from b = D / 2 on."""
    b = np.asarray(b, dtype=np.float64)
    inside = 2.0 * b < D
    gap = np.where(inside, D - 2.0 * b, 1.0)
    return np.where(inside, 2.0 * b * (D - 1.0) / gap, np.inf)


def corollary_boundary(b: Floats, D: float) -> Floats:
    """Largest a at which the jump also dominates the network's rate."""
    return np.asarray(2.0 * np.asarray(b, dtype=np.float64) * (D - 1.0) / D)


def region(a: Floats, b: Floats, D: Floats) -> NDArray[np.int64]:
    """Index into ``REGIONS`` for each point."""
    jump, smooth = a / (a + D - 1.0), smooth_rate(b, D)
    slower = linear_rate(a, D) < np.minimum(jump, smooth)
    return np.where(jump < smooth, 0, np.where(slower, 1, 2))


@dataclass(frozen=True)
class Position:
    """The data's point.

    boundary_smoothness : a, None without a jump; shares : of the point's uncertainty in each
    region, None without a jump; rates : exponents of n at the point
    """

    side: Side
    smoothness: Estimate
    boundary_smoothness: Estimate | None
    dimension: Estimate
    region: Region | None
    shares: dict[Region, float] | None
    rates: dict[str, float]
    best_family: str

    def to_json(self) -> dict[str, Any]:
        """Plain data, with both boundaries at the point's smoothness."""
        ends = {
            "introduction": float(introduction_boundary(b := self._b, self.dimension.value)),
            "corollary_20": float(corollary_boundary(b, self.dimension.value)),
        }
        known = {name: value if np.isfinite(value) else None for name, value in ends.items()}
        return {**asdict(self), "boundaries_at_point": known}

    @property
    def _b(self) -> Floats:
        return np.asarray(self.smoothness.value)


def locate(
    side: Side, smoothness: Estimate, dimension: Estimate, rng: np.random.Generator
) -> Position:
    """Place the data.

    Parameters
    ----------
    smoothness : of the pieces, b; dimension : intrinsic, at least 1 is used
    """
    D = Estimate(*(max(v, 1.0) for v in (dimension.value, dimension.low, dimension.high)))
    a = None if side == "smooth" else BOUNDARY_SMOOTHNESS
    rates = _rates(smoothness, a, D)
    if a is None:
        return Position(side, smoothness, a, D, None, None, rates, FAMILIES[side])
    drawn = (rng.uniform(e.low, e.high, DRAWS) for e in (a, smoothness, D))
    counts = np.bincount(region(*drawn), minlength=len(REGIONS)) / DRAWS
    shares = dict(zip(REGIONS, counts.tolist(), strict=True))
    here = REGIONS[int(region(*(np.asarray(e.value) for e in (a, smoothness, D))))]
    family = NO_GAP if side == "jump" and here == "no_gap_proved" else FAMILIES[side]
    return Position(side, smoothness, a, D, here, shares, rates, family)


def _rates(smoothness: Estimate, a: Estimate | None, D: Estimate) -> dict[str, float]:
    b, d = np.asarray(smoothness.value), np.asarray(D.value)
    if a is None:
        return {"networks": float(smooth_rate(b, d)), "linear": float(smooth_rate(b, d))}
    at = np.asarray(a.value)
    linear = min(float(linear_rate(at, d)), float(smooth_rate(b, d)))
    return {"networks": float(network_rate(at, b, d)), "linear": linear}
