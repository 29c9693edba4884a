"""Search for invariances of the target, from candidates to a group that is safe to use.

Candidates of the right kind are tested one by one on a cross-fitted teacher; what survives is
enforced together, and kept only if the teacher's cross-validated loss does not rise.

Source: Sannai, Imaizumi and Kawano 2021 (what an invariance is worth); Christie and Aston 2023,
arXiv:2303.13616 (search over subgroups by tests). Differs from the papers: generators are tested
for harm with a family-wise error rate, then closed; a table's usual answer is no group at all.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import one_thread
from app.science.mimicry.metric import Metric
from app.science.mimicry.target import Ints
from app.science.structure.invariance.averaging_test import cross_fitted_mean, mean_and_error
from app.science.structure.invariance.candidate import Candidate
from app.science.structure.invariance.decide import findings
from app.science.structure.invariance.group import Group
from app.science.structure.invariance.layout import TABLE, Layout
from app.science.structure.invariance.pooling import PointPooling
from app.science.structure.invariance.quotient import canonical_form
from app.science.structure.invariance.report import (
    Finding,
    InvarianceReport,
    LossChange,
    log_order,
)
from app.science.structure.invariance.sample_size import effective_rows, error_factor
from app.science.structure.invariance.signed_permutation import identity
from app.science.structure.invariance.study import Study, prepare
from app.science.structure.invariance.teacher import Start, View, cross_fit, root

MAX_TRIALS = 6
MAX_ORBIT = 24
"""Elements of an averaged group that the search uses, drawn at random: each costs as much again."""
REFUSED = "with the generators before it, the cross-validated loss rises by a standard error"


@dataclass(frozen=True, slots=True)
class Rates:
    """Smoothness and dimension of the target, for the predicted gain; None: relevant columns."""

    beta: float = 1.0
    dimension: float | None = None


UNKNOWN_RATES = Rates()


def find_invariances(
    X: NDArray[np.floating],
    y: NDArray[np.floating],
    layout: Layout = TABLE,
    *,
    fit: Ints | None = None,
    seed: int = 0,
    rates: Rates = UNKNOWN_RATES,
) -> InvarianceReport:
    """Find the transformations of a row under which the target stays the same.

    Parameters
    ----------
    X : (n, p), encoded rows, finite; y : (n,) numbers, or (n, c) standardized or one-hot columns
    layout : what the columns of a row stand for
    fit : rows that may be looked at; by default all of them

    Raises
    ------
    TooFewRows
        Fewer than ``MIN_ROWS`` rows.
    DegenerateTarget
        The target has one value only.
    """
    began = time.perf_counter()
    with one_thread():  # of a BLAS: no product here is wide enough for several
        study = prepare(X, y, layout, np.arange(len(X)) if fit is None else fit, seed)
        return _reported(study, rates, began)


def _reported(study: Study, rates: Rates, began: float) -> InvarianceReport:
    tested = findings(study)
    group, loss = _enforced(study, [candidate for candidate, f in tested if f.accepted])
    told = [*study.of_pooling, *(_final(candidate, f, group) for candidate, f in tested)]
    logarithm = log_order(group, study.pooling)
    dimension = rates.dimension or float(max(1, len(study.relevant)))
    return InvarianceReport(
        kind=study.layout.kind,
        n_rows=len(study.X),
        n_candidates=len(told),
        seed=study.seed,
        seconds=time.perf_counter() - began,
        group=group,
        pooling=study.pooling,
        findings=tuple(sorted(told, key=lambda f: (not f.accepted, f.p_harm))),
        loss=loss,
        rows=(
            effective_rows(
                study.X, study.Y, _view(group, study.pooling), logarithm, seed=study.seed
            )
            if logarithm > 0
            else None
        ),
        beta=rates.beta,
        dimension=dimension,
        error_factor=error_factor(logarithm, rates.beta, dimension),
    )


def _enforced(study: Study, passed: Sequence[Candidate]) -> tuple[Group, LossChange | None]:
    """The group of all that passed, or of as many as the cross-validated loss allows."""
    none = Group((), study.center)
    start = _change(study, none) if study.pooling else None
    if not passed:
        return none, start
    whole = none
    for candidate in passed:
        whole = _joined(whole, candidate)
    change = _change(study, whole)
    if change.harmless:
        return whole, change
    group = none
    for candidate in passed[:MAX_TRIALS]:
        wider = _joined(group, candidate)
        tried = _change(study, wider)
        if wider is not group and tried.harmless:
            group, start = wider, tried
    return group, start


def _joined(group: Group, candidate: Candidate) -> Group:
    """The group with one more generator, or unchanged where it would be too large to use."""
    wider = group.with_generator(candidate.element)
    return wider if wider.usable else group


def _change(study: Study, group: Group) -> LossChange:
    view, starts = _view(group, study.pooling), _starts(study, group)
    fitted = cross_fit(study.X, study.Y, study.seed, view, starts)
    after = fitted.losses(fitted.predict(study.X)) / study.variance
    before = study.plain_losses / study.variance
    change = cross_fitted_mean(after - before)
    return LossChange(*mean_and_error(before), float(after.mean()), *change)


def _starts(study: Study, group: Group) -> tuple[Start, Start]:
    """Kernels and metrics of the teachers that the tests used, made symmetric under the group."""
    first, second = (
        (t.metric if study.pooling else _symmetric(t.metric, group), t.expansion.kernel)
        for t in study.base.teachers
    )
    return first, second


def _symmetric(metric: Metric, group: Group) -> Metric:
    outer = group.averaged(metric.matrix @ metric.matrix.T)
    return Metric(root(outer), "symmetric")


def _view(group: Group, pooled: PointPooling | None) -> View:
    """How the teacher sees a row once the group is used."""
    form = canonical_form(group)
    if pooled is None and form is not None:
        return View(represent=form) if group.generators else View()
    orbit = (group.elements or ())[1:]
    some = np.random.default_rng(len(orbit)).permutation(len(orbit))[: MAX_ORBIT - 1]
    sampled = (identity(len(group.center)), *(orbit[k] for k in sorted(some)))
    return View(represent=pooled, orbit=sampled, center=group.center)


def _final(candidate: Candidate, finding: Finding, group: Group) -> Finding:
    keys = {generator.key for generator in group.generators}
    if not finding.accepted or candidate.element.key in keys:
        return finding
    return replace(finding, accepted=False, reason=REFUSED)
