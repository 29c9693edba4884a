"""The sample that all tests share, and the teacher that was cross-fitted on it.

Source: none; the teacher names its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.errors import DegenerateTarget, TooFewRows
from app.science.linalg import Floats
from app.science.mimicry.target import Ints
from app.science.structure.invariance import matching, pooling
from app.science.structure.invariance.averaging_test import cross_fitted_mean, p_above_zero
from app.science.structure.invariance.layout import Layout, PointSets, Table
from app.science.structure.invariance.pooling import PointPooling
from app.science.structure.invariance.report import Finding
from app.science.structure.invariance.teacher import CrossFit, View, cross_fit

WORK_ROWS = 4000
MIN_ROWS = 200


@dataclass(frozen=True)
class Study:
    """Rows X (n, p) and targets Y (n, c) in random order, with what is known of them.

    center : (p,), from where signs are counted; base : the teacher that the tests use, of pooled
    features where ``pooling`` is set; predicted : what it says of its rows; plain_losses : (n,)
    of the teacher that knows of no invariance; gradients : (p, p), or None where rows are pooled;
    of_pooling : the finding about the order of points
    """

    X: Floats
    Y: Floats
    layout: Layout
    seed: int
    center: Floats
    base: CrossFit
    predicted: Floats
    plain_losses: Floats
    gradients: Floats | None
    pooling: PointPooling | None = None
    of_pooling: Sequence[Finding] = ()

    @property
    def variance(self) -> float:
        """Of the target, summed over its columns."""
        return float(self.Y.var(axis=0).sum())

    @property
    def relevance(self) -> Floats:
        """(p,) in [0, 1], share of the gradients, per standard deviation of the column."""
        if self.gradients is None:
            return np.ones(self.X.shape[1])
        moves = np.diagonal(self.gradients) * self.X.var(axis=0)
        return np.asarray(moves / max(float(moves.max()), 1e-300))

    @property
    def relevant(self) -> list[int]:
        """Columns that matter."""
        return matching.relevant(self.relevance, self.X)


def prepare(
    X: NDArray[np.floating], y: NDArray[np.floating], layout: Layout, fit: Ints, seed: int
) -> Study:
    """Draw the sample and fit the teachers.

    Raises
    ------
    TooFewRows, DegenerateTarget
        Fewer than ``MIN_ROWS`` rows, or a target of one value.
    """
    if len(fit) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(fit))
    chosen = np.random.default_rng([seed, 23]).permutation(fit)[:WORK_ROWS]
    rows = np.asarray(X[chosen], dtype=np.float64)
    targets = _columns(np.asarray(y[chosen], dtype=np.float64))
    p = rows.shape[1]
    center = np.zeros(p)
    if isinstance(layout, Table):
        zero = np.asarray(layout.zero or center, dtype=np.float64)
        center = matching.centers(np.asarray(X[fit], dtype=np.float64), zero)
    base = cross_fit(rows, targets, seed)
    predicted = base.predict(rows)
    losses = base.losses(predicted)
    gradients = np.mean([t.gradients(rows) for t in base.teachers], axis=0)
    study = Study(
        rows, targets, layout, seed, center, base, predicted, losses, np.asarray(gradients)
    )
    return _pooled(study, layout) if isinstance(layout, PointSets) else study


def _columns(y: Floats) -> Floats:
    """(n, c), numbers standardized, columns as they are."""
    if not (y.max(axis=0) > y.min(axis=0)).any():
        raise DegenerateTarget("the target needs at least two different values")
    return ((y - y.mean()) / y.std())[:, None] if y.ndim == 1 else y


def _pooled(study: Study, layout: PointSets) -> Study:
    """The study with pooled features, unless they lose what the order of the points tells."""
    drawn = pooling.draw(layout, study.X, np.random.default_rng([study.seed, 29]))
    fitted = cross_fit(study.X, study.Y, study.seed, View(represent=drawn))
    predicted = fitted.predict(study.X)
    rise, se = cross_fitted_mean(fitted.losses(predicted) - study.plain_losses)
    accepted = rise <= se
    finding = Finding(
        group="point_order",
        text="the points change their order",
        accepted=accepted,
        reason="" if accepted else "pooled features lose what the order of the points tells",
        p_harm=1.0 - p_above_zero(rise - se, se),
        p_asymmetry=p_above_zero(rise, se),
        p_neighbors=None,
        support=None,
        gain=-rise / study.variance,
        gain_se=se / study.variance,
    )
    return Study(
        X=study.X,
        Y=study.Y,
        layout=layout,
        seed=study.seed,
        center=study.center,
        base=fitted if accepted else study.base,
        predicted=predicted if accepted else study.predicted,
        plain_losses=study.plain_losses,
        gradients=None,
        pooling=drawn if accepted else None,
        of_pooling=(finding,),
    )
