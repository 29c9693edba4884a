"""Calibration of classes: a curve that all logits share, and a little of each for each other.

Scores of a least-squares or hinge fit order the classes well, but how sure a score should be is
neither linear in it nor blind to the runner-up: some classes are mistaken for each other. With z
the logits so far, the new ones are z + curve(z) + R z + b, fitted to out-of-fold logits by
cross-entropy. Curve and R are penalized by their distance from nothing, the held-out rows choose
how much. The problem is convex, and its answer is a piecewise linear layer.

Source: Guo, Pleiss, Sun and Weinberger 2017, arXiv:1706.04599 (matrix scaling); Kull et al. 2019,
arXiv:1910.12656 (its off-diagonal penalty). Differs from the papers: the shared curve.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.optimize

from app.science.linalg import Floats
from app.science.mimicry.correction import Correction, Fitting, Piece
from app.science.mimicry.motif import affine_node
from app.science.mimicry.scores import cross_entropy
from app.science.mimicry.target import Ints
from app.science.relu_network.network import Node

NAME = "logit_calibration"
PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
CURVE_SHARE = 0.1
"""Of the penalty: the curve has few numbers."""
KNOTS = np.linspace(0.1, 0.9, 6)
"""As quantiles of each row's two largest logits."""
MOST_NUMBERS = 500_000
"""Logits that the fit looks at."""
ROWS_PER_CLASS = 20
STOP = {"maxiter": 200, "ftol": 1e-5}
"""A seventh of the steps to machine precision; the losses on letter agree in four digits."""


@dataclass(frozen=True)
class Calibration:
    """What is added to logits z (b, c): slope z + sum_l bends[l] relu(z - knots[l]) + z R + b.

    knots, bends : (l,); mix : (c, c), R; offset : (c,), b
    """

    knots: Floats
    slope: float
    bends: Floats
    offset: Floats
    mix: Floats

    def __call__(self, logits: Floats) -> Floats:
        """(b, c)."""
        curve = self.slope * logits
        for knot, bend in zip(self.knots, self.bends, strict=True):
            curve += bend * np.maximum(logits - knot, 0.0)
        return curve + logits @ self.mix + self.offset


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The correction; its outputs at the fit rows have seen their classes in a few numbers only."""

    def fit(self, fitting: Fitting) -> Piece | None:
        """None for a regression, or with fewer rows than the classes ask for."""
        n_classes = fitting.target.n_outputs
        rows = fitting.fit[: MOST_NUMBERS // n_classes]
        if fitting.target.task == "regression" or len(rows) < ROWS_PER_CLASS * n_classes:
            return None
        found = _least_held_out(fitting, rows)
        line = {"intercept": 0.0, "slope": found.slope}
        curve = Node(f"{NAME}.curve", "pwl", (fitting.source,), line)
        tensors = {curve.tensor("knots"): found.knots, curve.tensor("coefficients"): found.bends}
        mixed, more = affine_node(f"{NAME}.mixed", fitting.source, found.mix.T, found.offset)
        return Piece(
            (curve, mixed, Node(NAME, "add", (curve.name, mixed.name))),
            tensors | more,
            NAME,
            found(fitting.base[fitting.held]),
            partial(found, fitting.base),
        )


def _least_held_out(fitting: Fitting, rows: Ints) -> Calibration:
    """Down the path of penalties for as long as the held-out loss falls."""
    logits = fitting.base[fitting.held]
    path = _path(fitting.base[rows], fitting.target.raw[rows])

    def loss(found: Calibration) -> float:
        return fitting.target.loss(logits + found(logits), fitting.held)

    best = next(path)
    least = loss(best)
    for found in path:
        here = loss(found)
        if here >= least:
            break
        best, least = found, here
    return best


def _path(logits: Floats, codes: Ints) -> Iterator[Calibration]:
    """One fit a penalty, each started from the one before."""
    c = logits.shape[1]
    knots = np.unique(np.quantile(np.sort(logits, axis=1)[:, -2:], KNOTS))
    steps = np.stack([logits, *(np.maximum(logits - knot, 0.0) for knot in knots)])  # (k, n, c)
    k = len(steps)

    def split(point: Floats) -> tuple[Floats, Floats, Floats]:
        return point[:k], point[k : k + c], point[k + c :].reshape(c, c)

    def objective(point: Floats, penalty: float) -> tuple[float, Floats]:
        curve, offset, mix = split(point)
        moved = logits + np.tensordot(curve, steps, 1) + logits @ mix + offset
        loss, error = cross_entropy(moved, codes)
        weak = CURVE_SHARE * penalty
        loss += weak * float(curve @ curve) + penalty * float((mix**2).sum())
        slopes = np.tensordot(steps, error, 2) + 2.0 * weak * curve
        mixing = logits.T @ error + 2.0 * penalty * mix
        return loss, np.concatenate([slopes, error.sum(axis=0), mixing.ravel()])

    point = np.zeros(k + c + c * c)
    for penalty in PENALTIES:
        point = scipy.optimize.minimize(
            objective, point, (penalty,), "L-BFGS-B", jac=True, options=STOP
        ).x
        curve, offset, mix = split(point)
        yield Calibration(knots, float(curve[0]), curve[1:], offset, mix)


PLUGIN: type[Correction] = Calibrated
