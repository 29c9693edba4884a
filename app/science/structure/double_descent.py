"""The head's risk over its width, without a penalty and with the tuned one: double descent.

A head is linear in its features, so its risk at every width is computed, not trained: one
eigendecomposition a width gives the ridgeless and the tuned head, their error on held-out rows,
the estimate of it from fit rows alone, and the exact variance. The peak lies where features are as
many as rows; the curve is taken on a few hundred rows so that features suffice to pass it.

Source: Nakada and Imaizumi 2021, arXiv:2103.00500 (the phenomenon for parallel and residual
networks); ``nested_ridge.py`` for the formulas. Differs from the paper: exact for the head, where
the paper bounds the whole network.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.errors import DegenerateTarget, TooFewRows
from app.science.linalg import Floats, median_squared_distance, squared_distances
from app.science.mimicry.kernels import KERNELS
from app.science.structure.nested_ridge import Rows, Solved, centered, spectra
from app.science.structure.parallel_blocks import BlockHead, parallel_blocks

FORMAT = "adaptnet-double-descent/1"
RATIOS = (0.03, 0.06, 0.12, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.2, 1.5, 2.0, 3.0, 4.0)
FIT_ROWS, HELD_ROWS, MIN_ROWS = 400, 1000, 40
FIT_SHARE = 0.6
DOF_FACTOR = 3.0
PEAK_LOW, PEAK_HIGH = 0.7, 1.5
"""Features over rows between which a head without a penalty is on the peak."""
BANDWIDTH = 2.0


@dataclass(frozen=True)
class RiskPoint:
    """The head over the first ``width`` features; ``ratio`` is features over rows."""

    width: int
    ratio: float
    ridgeless: Solved
    tuned: Solved


@dataclass(frozen=True)
class DoubleDescent:
    """The curve, from the narrowest head to the widest.

    enough_width : ``DOF_FACTOR`` times the effective degrees of freedom of the widest tuned head,
    beyond which width costs numbers only; threshold : features that interpolate the fit rows
    """

    n_fit: int
    n_held: int
    n_skip: int
    threshold: int
    enough_width: int
    points: tuple[RiskPoint, ...]
    blocks: tuple[BlockHead, ...]

    @property
    def peak(self) -> RiskPoint:
        """Where the ridgeless risk is largest."""
        return max(self.points, key=lambda point: point.ridgeless.risk)

    @property
    def best_tuned(self) -> RiskPoint:
        """Where the tuned risk is least."""
        return min(self.points, key=lambda point: point.tuned.risk)

    @property
    def peak_factor(self) -> float:
        """The ridgeless peak over the least tuned risk."""
        return self.peak.ridgeless.risk / self.best_tuned.tuned.risk

    @property
    def excess_when_enough(self) -> float:
        """Largest tuned risk from ``enough_width`` on, over the least, less one."""
        wide = [p.tuned.risk for p in self.points if p.width >= self.enough_width]
        return max(wide, default=float("nan")) / self.best_tuned.tuned.risk - 1.0

    def ridgeless_factor(self, ratio: float) -> float:
        """Ridgeless over tuned risk at the width measured nearest to features over rows."""
        point = min(self.points, key=lambda point: abs(np.log(point.ratio / ratio)))
        return point.ridgeless.risk / point.tuned.risk

    def to_json(self) -> dict[str, Any]:
        """Plain data; risks in units of the target's variance."""
        excess = self.excess_when_enough
        return {
            "format": FORMAT,
            "n_fit": self.n_fit,
            "n_held": self.n_held,
            "n_skip": self.n_skip,
            "threshold": self.threshold,
            "enough_width": self.enough_width,
            "peak_width": self.peak.width,
            "peak_factor": self.peak_factor,
            "excess_when_enough": excess if np.isfinite(excess) else None,
            "points": [_point_json(point) for point in self.points],
            "blocks": [block.to_json() for block in self.blocks],
            "summary": summary(self),
        }


def double_descent(
    F: Floats, y: NDArray[Any], *, n_skip: int = 0, seed: int = 0, fit_rows: int = FIT_ROWS
) -> DoubleDescent:
    """Measure the curve over the features' own order.

    Parameters
    ----------
    F : (n, m) float64, features; the first ``n_skip`` are the inputs themselves
    y : (n,) or (n, c), numbers, or one column a class
    fit_rows : at most this many rows are fitted, and no more than half as many as there are
        features; up to 1,000 others are held out, half of them to choose penalties

    Raises
    ------
    TooFewRows
        Fewer than 40 rows could be fitted.
    DegenerateTarget
        The target is constant on them.
    """
    n, m = F.shape
    n_fit = min(fit_rows, int(FIT_SHARE * n), m // 2)
    if n_fit < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=n_fit)
    order = np.random.default_rng([seed, 41]).permutation(n)
    fit, held = order[:n_fit], order[n_fit : n_fit + HELD_ROWS]
    columns = np.asarray(y, dtype=np.float64).reshape(n, -1)
    if not np.ptp(columns[fit], axis=0).any():
        raise DegenerateTarget("the target is constant on the rows of the curve")
    rows = centered(F, columns, fit, held)
    points = _points(rows)
    threshold = n_fit - 1
    return DoubleDescent(
        n_fit=n_fit,
        n_held=len(held),
        n_skip=n_skip,
        threshold=threshold,
        enough_width=int(np.ceil(DOF_FACTOR * points[-1].tuned.effective_dof)),
        points=points,
        blocks=parallel_blocks(rows, threshold, n_skip=n_skip) if n_skip < threshold else (),
    )


def _points(rows: Rows) -> tuple[RiskPoint, ...]:
    threshold, m = len(rows.F) - 1, rows.F.shape[1]
    widths = sorted({min(m, max(2, round(ratio * threshold))) for ratio in RATIOS})
    return tuple(
        RiskPoint(width, width / threshold, spectrum.solved(0.0), spectrum.tuned())
        for width, spectrum in zip(widths, spectra(rows, widths), strict=True)
    )


def head_sample(X: Floats, y: NDArray[Any], *, seed: int = 0) -> tuple[Floats, NDArray[Any]]:
    """Rows for the curve of a head with a skip path, before anything is trained.

    Their features are the rows themselves, then Laplace kernel units on other random rows: a unit
    on a fitted row would know that row better than any held-out one.

    Parameters
    ----------
    X : (n, p) float64, encoded; y : (n,) or (n, c)

    Returns
    -------
    (b, p + units), features, and (b,) or (b, c), targets; half of the rows become units
    """
    rng = np.random.default_rng([seed, 43])
    order = rng.permutation(len(X))
    n_units = min(round(RATIOS[-1] * FIT_ROWS), len(X) // 2)
    centers, rows = X[order[:n_units]], order[n_units : n_units + FIT_ROWS + HELD_ROWS]
    width = median_squared_distance(X, rng) * BANDWIDTH**2
    squares = squared_distances(torch.as_tensor(X[rows]), torch.as_tensor(centers))
    units = KERNELS["laplace"].profile(squares / width)
    return np.hstack([X[rows], units.numpy()]), y[rows]


def peak_warning(n_motifs: int, n_rows: int, curve: DoubleDescent | None = None) -> str | None:
    """What a user's own number of motifs would do without a penalty, if it is near the peak.

    Parameters
    ----------
    n_rows : rows that the head is fitted to
    """
    ratio = n_motifs / n_rows
    if not PEAK_LOW < ratio < PEAK_HIGH:
        return None
    text = (
        f"n_motifs = {n_motifs:,} is {ratio:.2f} times the {n_rows:,} fitted rows, near the "
        "interpolation peak: without a penalty"
    )
    if curve is None:
        text += " the error would be many times the tuned one."
    else:
        factor, narrow = curve.ridgeless_factor(ratio), curve.n_fit
        text += (
            f" the squared error would be about {factor:.3g} times the tuned one (measured at "
            f"this ratio on {narrow:,} rows)."
        )
    return text + " The penalty is tuned, so this does not happen; so many motifs only cost size."


def summary(curve: DoubleDescent) -> str:
    """The curve in words, for people."""
    peak = curve.peak
    text = (
        f"Without a penalty the risk would peak at {peak.width} features on {curve.n_fit} rows, "
        f"{curve.peak_factor:.3g} times the least tuned risk. The tuned penalty removes the peak"
    )
    if np.isfinite(curve.excess_when_enough):
        text += (
            f": from 3 df = {curve.enough_width} features on the risk stays within "
            f"{100 * curve.excess_when_enough:.0f} % of its least"
        )
    return text + "." + _blocks_in_words(curve)


def _blocks_in_words(curve: DoubleDescent) -> str:
    joint = [b for b in curve.blocks if b.n_blocks == 1]
    parallel = [b for b in curve.blocks if b.n_blocks == 4]
    if not parallel:
        return ""
    one, four = joint[0], parallel[0]
    text = (
        f" Split into 4 parallel blocks, {four.width} features amplify noise "
        f"{one.ridgeless_noise_gain / four.ridgeless_noise_gain:.3g} times less without a penalty; "
        f"tuned, the risk goes from {one.tuned_risk:.3g} to {four.tuned_risk:.3g}."
    )
    bare = [b for b in joint if not b.skip]
    if one.skip and bare:
        text += f" Without the skip path the tuned risk is {bare[0].tuned_risk:.3g}."
    return text


def _point_json(point: RiskPoint) -> dict[str, Any]:
    heads = {"ridgeless": _finite(point.ridgeless), "tuned": _finite(point.tuned)}
    return {"width": point.width, "ratio": point.ratio, **heads}


def _finite(head: Solved) -> dict[str, float | None]:
    return {name: v if np.isfinite(v) else None for name, v in asdict(head).items()}
