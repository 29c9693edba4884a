"""Kernel ridge on Nystrom centers in a learned metric, with a linear part.

A search on samples picks metric, kernel and bandwidth (see ``search.py``), and each fit to all rows
offers a metric of its own gradients to the next. One pass over the rows serves every penalty and
every fold: out-of-fold predictions choose the penalty, say whether more centers pay or another
metric does, and become what the corrections see. Classes are least-squares scores read as logits.

Source: Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717. Differs from the paper: uniform
centers, the penalty by out-of-fold loss, an added linear part, the number of centers by its gain.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry import conjugate_gradients, scores, squared_hinge
from app.science.mimicry import cross_fit as folds
from app.science.mimicry.cross_fit import CrossFit, OutOfFold, Solution
from app.science.mimicry.head import Features
from app.science.mimicry.kernels import kernel_matrix
from app.science.mimicry.metric import GRADIENT_ROWS, Expansion, gradient_outer_product
from app.science.mimicry.search import JITTER, Candidate, Search
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress, Teacher

SIZES: tuple[int, ...] = (600, 1500, 3000, 5000)
"""Numbers of centers, tried in turn."""
SMALL_ROWS = 6000
"""Rows up to which as many as 3,000 centers cost little."""
LARGE_CENTERS, LARGE_ROWS = 3000, 50_000
"""More centers than these are for at most so many rows."""
WORTH_GROWING, WORTH_GROWING_SMALL, WORTH_GROWING_LARGE = 1.08, 1.02, 1.4
"""More centers are taken where twice as many last cut the out-of-fold loss by this factor."""
WORTH_GROWING_HINGE = 1.25
"""The same beyond ``TURNING_CENTERS`` where the target has ends: the squared hinge costs more."""
WORTH_NARROWING = 1.3
"""The bandwidth is searched again where twice as many centers cut the loss by this factor."""
WORTH_TURNING = 0.995
"""A metric of a fit's own gradients is taken where it cuts the out-of-fold loss by this factor."""
TURNING_CENTERS = 1500
"""Larger fits take too long to be made in two metrics."""
LEAST_PENALTY = 1e-8
"""Below, the weights grow until no copy of the kernel is near enough."""
HINGE_ROWS = 8000
"""Rows whose out-of-fold loss says whether the squared hinge steps on."""
PENALTY_FACTORS = (100.0, 10.0, 1.0, 0.1, 0.01)


@dataclass(frozen=True, slots=True)
class NystromRidge:
    """The default teacher."""

    def fit(
        self,
        X: Floats,
        target: Target,
        split: tuple[Ints, Ints],
        *,
        seed: int,
        max_centers: int | None = None,
        progress: Progress = None,
    ) -> FittedTeacher:
        """Search, one pass, penalty, maybe more centers."""
        say = progress or (lambda _share, _message: None)
        rng = np.random.default_rng([seed, 11])
        say(0.05, "search for metric, kernel and bandwidth")
        search = Search(X, target.columns(), split, rng)
        found = search.run()
        say(0.4, "kernel ridge")
        work, solved = _solved(
            _Work(X, target, split, search, found[-1]), max_centers or SIZES[-1], say
        )
        say(0.9, "out-of-fold predictions")
        details = {
            "n_fit": len(split[0]),
            "n_validation": len(split[1]),
            "metric": work.choice.metric.to_json(),
            "search": [candidate.to_json() for candidate in found],
            "gain_of_twice_the_centers": solved.gain,
        }
        return _teacher(work, solved, seed, details, rng)


def _solved(
    work: "_Work", max_centers: int, say: Callable[[float, str], None]
) -> tuple["_Work", "_Solved"]:
    """More centers while they pay; a fit that is not too large may turn the metric."""
    n_fit = len(work.split[0])
    sizes = tuple(min(size, max_centers, n_fit) for size in SIZES)
    work, solved = work.turned(work.solve(sizes[0]))
    for before, size in pairwise(sizes):
        if size == before or solved.gain < _worth_growing(size, n_fit, work.target):
            break
        say(0.5, f"kernel ridge with {size} centers")
        try:
            larger, grown = work.grown(solved, size / before, size)
        except np.linalg.LinAlgError:
            break
        if grown.loss >= solved.loss:
            break
        work, solved = larger, grown
        if size <= TURNING_CENTERS:
            work, solved = work.turned(solved)
    return work, solved


def _worth_growing(size: int, n_fit: int, target: Target) -> float:
    """The gain of twice the centers that is asked before there are ``size`` of them."""
    if size > LARGE_CENTERS:
        return WORTH_GROWING_LARGE if n_fit <= LARGE_ROWS else np.inf
    if n_fit <= SMALL_ROWS:
        return WORTH_GROWING_SMALL
    return WORTH_GROWING_HINGE if target.ends and size > TURNING_CENTERS else WORTH_GROWING


@dataclass(frozen=True)
class _Solved:
    """A number of centers, its sums and the penalty of least out-of-fold loss.

    gain : factor by which twice as many centers last cut the loss
    """

    fitted: OutOfFold
    penalty: float
    loss: float
    gain: float


@dataclass(frozen=True)
class _Work:
    X: Floats
    target: Target
    split: tuple[Ints, Ints]
    search: Search
    choice: Candidate

    def solve(self, n_centers: int) -> _Solved:
        """The penalty is searched with half of the centers, where it costs an eighth."""
        fitted = self._fitted(n_centers)
        half = fitted.leading(self.X.shape[1] + (n_centers + 1) // 2)
        start = max(self.choice.penalty, LEAST_PENALTY)
        wanted = [f * start for f in PENALTY_FACTORS if f * start >= LEAST_PENALTY]
        penalty, half_loss = folds.downhill(wanted, half.losses(wanted, self._loss), self._patience)
        return self._at(fitted, (10.0 * penalty, penalty, 0.1 * penalty), half_loss)

    def turned(self, solved: _Solved) -> tuple["_Work", _Solved]:
        """The fit as it is, or one as large in a metric of its gradients that has less loss."""
        n_centers = solved.fitted.features.width - self.X.shape[1]
        choice = self.search.again(self.choice, self._gradients(solved, n_centers))
        if choice is self.choice:
            return self, solved
        work = replace(self, choice=choice)
        try:
            again = work.solve(n_centers)
        except np.linalg.LinAlgError:
            return self, solved
        return (work, again) if again.loss < WORTH_TURNING * solved.loss else (self, solved)

    def _gradients(self, solved: _Solved, n_centers: int) -> Floats:
        """Their outer product (p, p), by least squares alone."""
        weights, _ = solved.fitted.final(solved.penalty)
        p = self.X.shape[1]
        expansion = Expansion(
            self.choice.kernel,
            self.centers(n_centers),
            weights[p:],
            self.choice.expansion.squared_bandwidth,
            weights[:p],
        )
        rows = self.X[self.split[0][:GRADIENT_ROWS]]
        return gradient_outer_product(rows, self.choice.metric.matrix, expansion)

    def grown(self, before: _Solved, factor: float, n_centers: int) -> tuple["_Work", _Solved]:
        """The same with more centers, whose penalty is near and whose bandwidth may be less."""
        work = self
        if n_centers > TURNING_CENTERS and before.gain >= WORTH_NARROWING:
            work = replace(self, choice=self.search.narrowed(self.choice))
        penalties = (before.penalty, 0.1 * before.penalty)
        found = work._at(work._fitted(n_centers), penalties, before.loss)
        return work, replace(found, gain=found.gain ** (np.log(2.0) / np.log(factor)))

    def _at(self, fitted: OutOfFold, penalties: tuple[float, ...], before: float) -> _Solved:
        allowed = [value for value in penalties if value >= LEAST_PENALTY]
        penalty, loss = folds.downhill(allowed, fitted.losses(allowed, self._loss), self._patience)
        if not np.isfinite(loss):
            raise np.linalg.LinAlgError("the kernel's Gram matrix is singular at every penalty")
        return _Solved(fitted, penalty, loss, before / loss)

    def _fitted(self, n_centers: int) -> OutOfFold:
        fit = self.split[0]
        features = self._features(self.centers(n_centers))
        return conjugate_gradients.fit(features, self.X, self.target.columns(), fit)

    def centers(self, n_centers: int) -> Floats:
        """The first fit rows, which are in random order."""
        return np.asarray(self.X[self.split[0][:n_centers]] @ self.choice.metric.matrix)

    def _features(self, centers: Floats) -> Features:
        expansion, matrix = self.choice.expansion, self.choice.metric.matrix
        p, width = self.X.shape[1], expansion.squared_bandwidth

        def compute(rows: NDArray[np.float64]) -> Floats:
            kernel = kernel_matrix(expansion.kernel, rows @ matrix, centers, width)
            return np.concatenate([rows, kernel], axis=1)

        square = kernel_matrix(expansion.kernel, centers, centers, width)
        square[np.diag_indices_from(square)] += JITTER
        made_of = np.concatenate([np.full(p, -1), np.arange(len(centers))])
        return Features(compute, len(made_of), square=square, square_at=p, made_of=made_of)

    @property
    def _patience(self) -> float:
        """Of equal penalties the squared hinge wants the least, least squares the largest."""
        return 1.0 if self.target.ends else folds.WORTH_A_STEP

    def _loss(self, outputs: Floats, rows: Ints) -> float:
        return self.target.loss(self.raw(outputs, rows).apply(outputs), rows)

    def solution(self, fitted: OutOfFold, penalty: float) -> Solution:
        """By the squared hinge where the target has ends and the features are at hand."""
        ends = self.target.ends
        if ends and isinstance(fitted, CrossFit) and fitted.kept:
            return squared_hinge.descend(fitted, penalty, ends, self._loss_of_few)
        return fitted.solution(penalty)

    def _loss_of_few(self, outputs: Floats, rows: Ints) -> float:
        step = max(1, len(rows) // HINGE_ROWS)
        return self._loss(outputs[::step], rows[::step])

    def raw(self, outputs: Floats, rows: Ints) -> scores.Logits:
        """How outputs become standardized values or logits."""
        if self.target.task == "regression":
            return scores.Logits(1.0, np.zeros(1))
        return scores.fit(outputs, self.target.raw[rows])


def _teacher(
    work: _Work, solved: _Solved, seed: int, details: dict[str, object], rng: np.random.Generator
) -> FittedTeacher:
    fitted, target, held = solved.fitted, work.target, work.split[1]
    penalty = solved.penalty
    solution = work.solution(fitted, penalty)
    read = work.raw(solution.outputs, solution.rows)
    weights, intercept = solution.final
    honest = np.empty((len(work.X), target.n_outputs))
    honest[solution.rows] = read.apply(solution.outputs)
    honest[held] = read.apply(fitted.predict(work.X[held], weights, intercept))
    honest = target.limits.clip(honest)
    p = work.X.shape[1]
    return FittedTeacher(
        name="nystrom_ridge",
        task=target.task,
        classes=target.classes,
        seed=seed,
        center=target.center,
        scale=target.scale,
        kernel=work.choice.kernel,
        squared_bandwidth=work.choice.expansion.squared_bandwidth,
        penalty=penalty,
        effective_dof=fitted.effective_dof(penalty, rng),
        validation_loss=target.loss(honest[held], held),
        ridge_validation_loss=None,
        metric=work.choice.metric.matrix,
        centers=work.centers(fitted.features.width - p),
        weights=read.factor * weights[p:],
        linear=read.factor * weights[:p],
        intercept=read.apply(intercept),
        spectrum=work.choice.metric.spectrum,
        details=details | {"squared_hinge_steps": solution.steps},
        limits=(target.limits.low, target.limits.high),
        out_of_fold=honest,
    )


PLUGIN: type[Teacher] = NystromRidge
