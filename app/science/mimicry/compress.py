"""Fewer numbers in a teacher: twin centers merged, weak directions and needless centers dropped.

Every step is a proposal that held-out rows accept or refuse against the teacher as it came, so
the rises of all steps together stay within one budget. A few rows are asked first, since most
teachers of a sharp target have nothing to give away. The centers that stay are weighted anew
by one ridge solve on the teacher's own outputs, which serves values and logits alike.

Source: Burges 1996, "Simplified support vector decision rules" (fewer centers for the same
function); Hinton, Vinyals and Dean 2015, arXiv:1503.02531 (on the teacher's outputs). Differs from
the papers: a subset of the centers, by |weight| times the feature's deviation, and convex solves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
import torch
from scipy.spatial import cKDTree

from app.science.errors import UnreachableLimit
from app.science.linalg import Floats
from app.science.mimicry.distilled import Distilled, by_importance
from app.science.mimicry.kernels import KERNELS
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import TEACHERS, FittedTeacher
from app.science.mimicry.trial import BUDGET, PROBE_ROWS, Budget, Step, Work, linear_part

TWIN_CORRELATION = 0.999
PROBE_SLACK = 3.0
"""The probe's weights see few rows: on seven tables its rise was 1 to 5 times the final one."""
PROBE_RIDGES = (1e-5, 1e-7, 1e-9, 1e-11)
FADED = 0.25
"""Directions whose mean squared distance, in squared bandwidths, is above this are not tried."""
MIN_CENTERS = 16
MAX_SOLVED = 2500
"""Centers of the first Gram matrix: its cost grows with their cube."""
CONFIRMATIONS = 3


@dataclass(frozen=True)
class CompressionReport:
    """Sizes and held-out losses before and after; losses in the unit of ``Target.losses``."""

    n_centers_before: int
    n_centers: int
    rank_before: int
    rank: int
    loss_before: float
    loss: float
    steps: tuple[Step, ...]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "steps": [step.to_json() for step in self.steps]}


Proposal = tuple[FittedTeacher, tuple[Step, ...]]


def compress(
    teacher: FittedTeacher,
    X: Floats,
    target: Target,
    fit: Ints,
    held: Ints,
    budget: Budget = BUDGET,
) -> tuple[FittedTeacher, CompressionReport]:
    """Shrink the kernel expansion within the budget.

    Parameters
    ----------
    X : (n, p), encoded rows; fit, held : row numbers in random order; the second only judge

    Raises
    ------
    UnreachableLimit
        Not even a linear model has as few parameters as asked.
    """
    work = Work(teacher, X, target, fit, held, budget)
    _check(work)
    current = teacher
    steps: tuple[Step, ...] = ()
    if len(teacher.centers):
        for shrink in (_merged, _flattened, _thinned, _limited):
            current, more = shrink(work, current)
            steps = (*steps, *more)
    loss = before = work.teacher.validation_loss
    if current is not teacher:
        before = float(work.every.losses.mean())
        loss = before + [step.rise for step in steps if step.accepted and not step.provisional][-1]
    report = CompressionReport(
        n_centers_before=len(teacher.centers),
        n_centers=len(current.centers),
        rank_before=teacher.metric.shape[1],
        rank=current.metric.shape[1],
        loss_before=before,
        loss=loss,
        steps=steps,
        reason=_reason(teacher, steps),
    )
    return replace(current, validation_loss=loss), report


def _check(work: Work) -> None:
    asked = work.budget.max_parameters
    linear = work.target.n_outputs * (work.X.shape[1] + 1)
    if asked is not None and asked < linear:
        raise UnreachableLimit(name="max_parameters", asked=asked, smallest=linear)


def _reason(teacher: FittedTeacher, steps: tuple[Step, ...]) -> str:
    if not len(teacher.centers):
        return "a linear model has no centers to save"
    kept = {s.name: s for s in steps if s.accepted and not s.provisional}
    if not kept:
        return "every proposal raised the held-out loss by more than the budget"
    return "; ".join(f"{s.name} from {s.before} to {s.after}" for s in kept.values())


# Twin centers


def _merged(work: Work, teacher: FittedTeacher) -> Proposal:
    """Centers with nearly the same feature become one that carries the sum of their weights."""
    leaders = _leaders(teacher.centers, _twin_distance(teacher))
    kept = np.unique(leaders)
    if len(kept) == len(leaders):
        return teacher, ()
    weights = np.zeros_like(teacher.weights)
    np.add.at(weights, leaders, teacher.weights)
    trial = replace(teacher, centers=teacher.centers[kept], weights=weights[kept])
    step = work.step("twins", (len(leaders), len(kept)), trial)
    return (trial if step.accepted else teacher), (step,)


def _twin_distance(teacher: FittedTeacher) -> float:
    """The distance at which the kernel, which falls, has reached the twins' correlation."""
    s = np.geomspace(1e-9, 1.0, 2000)
    values = KERNELS[teacher.kernel].profile(torch.as_tensor(s)).numpy()
    near = int(np.searchsorted(-values, -TWIN_CORRELATION))
    return float(np.sqrt(s[max(near - 1, 0)] * teacher.squared_bandwidth))


def _leaders(centers: Floats, distance: float) -> Ints:
    """(m,), the first center within the distance of each, which leads itself."""
    first, inverse = np.unique(centers, axis=0, return_index=True, return_inverse=True)[1:]
    order = np.sort(first)  # equal centers would make quadratically many pairs
    leader = np.arange(len(order))
    pairs = cKDTree(centers[order]).query_pairs(distance, output_type="ndarray")
    for i, j in pairs[np.lexsort(pairs.T[::-1])]:
        if leader[i] == i and leader[j] == j:
            leader[j] = i
    position = np.searchsorted(order, first[inverse.ravel()])
    return np.asarray(order[leader[position]], dtype=np.int64)


# Directions of the metric


def _flattened(work: Work, teacher: FittedTeacher) -> Proposal:
    """Fewer coordinates: the centers' principal axes of least spread go, as many as they may."""
    q = teacher.metric.shape[1]
    axes, least = _principal_axes(teacher)

    def cut(rank: int) -> FittedTeacher:
        kept = axes[:, :rank]
        metric = teacher.metric @ kept
        shares = np.asarray((metric**2).sum(axis=0) / (teacher.metric**2).sum())
        return replace(teacher, metric=metric, centers=teacher.centers @ kept, spectrum=shares)

    def asked(rank: int) -> Step:
        return work.step("rank", (q, rank), cut(rank), few=True)

    rank, steps = _least_accepted(least, q, asked)
    for _ in range(CONFIRMATIONS):
        if rank >= q:
            break
        trial = cut(rank)
        steps = (*steps, work.step("rank", (q, rank), trial))
        if steps[-1].accepted:
            return trial, steps
        rank = max(rank + 1, round(1.25 * rank))
    return teacher, steps


def _principal_axes(teacher: FittedTeacher) -> tuple[Floats, int]:
    """(q, q), axes by falling spread, and the least rank that is worth a trial."""
    spread = np.atleast_2d(np.cov(teacher.centers, rowvar=False, ddof=0))
    values, vectors = np.linalg.eigh(spread)
    values, vectors = values[::-1].clip(0.0), vectors[:, ::-1]
    lost = 2.0 * (values.sum() - np.cumsum(values)) / teacher.squared_bandwidth
    return vectors, int(np.argmax(lost <= FADED)) + 1


def _least_accepted(
    least: int, most: int, asked: Callable[[int], Step]
) -> tuple[int, tuple[Step, ...]]:
    """The least accepted size by bisection, given that ``most`` is; one refusal may settle it."""
    if least >= most:
        return most, ()
    steps = [asked(most - 1)]
    if not steps[0].accepted:
        return most, tuple(steps)
    low, high = least, most - 1
    while low < high:
        middle = (low + high) // 2
        steps.append(asked(middle))
        low, high = (low, middle) if steps[-1].accepted else (middle + 1, high)
    return high, tuple(steps)


# Centers


def _thinned(work: Work, teacher: FittedTeacher) -> Proposal:
    """Half the centers as long as the budget lasts, then once the size between."""
    first = min(len(teacher.centers) // 2, MAX_SOLVED)
    if first < MIN_CENTERS:
        return teacher, ()
    probe, order = _probe(work, teacher, first)
    if not probe.accepted:
        return teacher, (probe,)
    distilled = Distilled.of(work, teacher, order[:first])
    best, kept, steps = teacher, np.empty(0, dtype=np.int64), [probe]
    which = np.arange(first)
    before = len(teacher.centers)
    while len(which) >= MIN_CENTERS:
        trial = distilled.solve(which)
        steps.append(work.step("centers", (before, len(which)), trial))
        if not steps[-1].accepted:
            break
        best, kept = trial, distilled.ordered(which, trial)
        which = kept[: len(kept) // 2]
    between = round(np.sqrt(len(kept) * len(which)))
    if len(kept) > between >= MIN_CENTERS:
        trial = distilled.solve(kept[:between])
        steps.append(work.step("centers", (before, between), trial))
        best = trial if steps[-1].accepted else best
    return best, tuple(steps)


def _probe(work: Work, teacher: FittedTeacher, n_kept: int) -> tuple[Step, Ints]:
    """Whether so few centers could do, from a few rows, and the centers by importance.

    The weights that stay are moved as little as makes up for those that go, on the few rows: ridge
    in its dual form, which costs one product of the feature matrix with itself.
    """
    sample, relative = work.few, work.budget.relative
    K = teacher.features(work.X[work.fit[:PROBE_ROWS]])
    order = by_importance(teacher.weights, K.std(axis=0))
    kept, gone = order[:n_kept], order[n_kept:]
    same = teacher is work.teacher
    held = work.few_features if same else teacher.features(work.X[sample.rows])
    lost, mean = K[:, gone] @ teacher.weights[gone], K[:, kept].mean(axis=0)
    base = held[:, kept] @ teacher.weights[kept] + linear_part(teacher, work.X[sample.rows])
    base = base + lost.mean(axis=0)
    moves = _dual_ridge(K[:, kept] - mean, lost - lost.mean(axis=0))
    away = held[:, kept] - mean
    rises = [sample.judged(base + away @ moved, relative)[0] for moved in moves]
    allowed = PROBE_SLACK * relative * float(sample.losses.mean())
    found = Step("probe", len(order), n_kept, min(rises), allowed, len(sample.rows), True)
    return found, order


def _dual_ridge(features: Floats, values: Floats) -> Iterator[Floats]:
    """Weights (m, c) at falling penalties, while the system of the rows is numerically regular."""
    gram = features @ features.T
    level = np.trace(gram) / len(gram)
    for ridge in PROBE_RIDGES:
        try:
            factor = scipy.linalg.cho_factor(gram + ridge * level * np.eye(len(gram)))
        except np.linalg.LinAlgError:
            return
        yield features.T @ scipy.linalg.cho_solve(factor, values)


# Limits


def _limited(work: Work, teacher: FittedTeacher) -> Proposal:
    """No more centers than the limits leave; a linear model where it does as well as those few."""
    before, most = len(teacher.centers), work.max_centers(teacher.metric.shape[1])
    if before <= most:
        return teacher, ()
    candidates = [_ridge(work)]
    if most:
        candidates.append(_cut(work, teacher, most))
    steps = [work.step("limit", (before, len(trial.centers)), trial) for trial in candidates]
    best = int(np.argmin([step.rise for step in steps]))
    return _refreshed(work, candidates[best]), (steps[best],)


def _refreshed(work: Work, teacher: FittedTeacher) -> FittedTeacher:
    """With out-of-fold outputs that follow: a limit may have moved the function far."""
    if len(teacher.out_of_fold) and teacher.name != "ridge":
        moved = teacher.output(work.X) - work.teacher.output(work.X)
        return replace(teacher, out_of_fold=work.teacher.out_of_fold + moved)
    return teacher


def _ridge(work: Work) -> FittedTeacher:
    split = (work.fit, work.held)
    return TEACHERS.get("ridge")().fit(work.X, work.target, split, seed=work.teacher.seed)


def _cut(work: Work, teacher: FittedTeacher, n_kept: int) -> FittedTeacher:
    """Exactly so many centers, by halves: importance changes as others go."""
    K = teacher.features(work.X[work.fit[:PROBE_ROWS]])
    order = by_importance(teacher.weights, K.std(axis=0))
    start = max(n_kept, min(4 * n_kept, len(order) // 2, MAX_SOLVED))
    distilled = Distilled.of(work, teacher, order[:start])
    which = np.arange(start)
    while len(which) > n_kept:
        solved = distilled.solve(which)
        which = distilled.ordered(which, solved)[: max(n_kept, len(which) // 2)]
    return distilled.solve(which)
