"""Kernel ridge on Nystrom centers in a learned metric, with a linear part.

A search on samples picks metric, kernel and bandwidth (see ``search.py``). One pass over the rows
then serves every penalty and every fold: out-of-fold predictions choose the penalty, say whether
more centers pay, and become what the corrections see. Classes are least-squares scores read as
logits.

Source: Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717. Differs from the paper: uniform
centers, the penalty by out-of-fold loss, an added linear part, the number of centers by its gain.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry import conjugate_gradients, scores
from app.science.mimicry import cross_fit as folds
from app.science.mimicry.cross_fit import OutOfFold
from app.science.mimicry.head import Features
from app.science.mimicry.kernels import kernel_matrix
from app.science.mimicry.search import JITTER, Candidate, Search
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress, Teacher

FIRST_CENTERS = 1500
MAX_CENTERS = 3000
SMALL_ROWS = 6000
"""With so few rows, nearly every one is a center: only then does the kernel interpolate."""
WORTH_GROWING = 1.15
"""More centers are taken where the second half of the first ones cut the loss by this factor."""
LEAST_PENALTY = 1e-8
"""Below, the weights grow until no copy of the kernel is near enough."""
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
        found = Search(X, target.columns(), split, rng).run()
        work = _Work(X, target, split, found[-1])
        say(0.4, "kernel ridge")
        solved = _solved(work, max_centers or MAX_CENTERS, say)
        say(0.9, "out-of-fold predictions")
        details = {
            "n_fit": len(split[0]),
            "n_validation": len(split[1]),
            "metric": found[-1].metric.to_json(),
            "search": [candidate.to_json() for candidate in found],
            "gain_of_second_half": solved.gain,
        }
        return _teacher(work, solved, seed, details, rng)


def _solved(work: "_Work", max_centers: int, say: Callable[[float, str], None]) -> "_Solved":
    most = min(max_centers, len(work.split[0]))
    if len(work.split[0]) <= SMALL_ROWS or most <= FIRST_CENTERS:
        return work.solve(most)
    solved = work.solve(min(FIRST_CENTERS, most))
    if solved.gain > WORTH_GROWING:
        say(0.6, f"kernel ridge with {most} centers")
        with contextlib.suppress(np.linalg.LinAlgError):
            solved = replace(work.grown(most, solved.penalty), gain=solved.gain)
    return solved


@dataclass(frozen=True)
class _Solved:
    """A number of centers, its sums and the penalty of least out-of-fold loss."""

    fitted: OutOfFold
    penalty: float
    gain: float


@dataclass(frozen=True)
class _Work:
    X: Floats
    target: Target
    split: tuple[Ints, Ints]
    choice: Candidate

    def solve(self, n_centers: int) -> _Solved:
        """The penalty is searched with half of the centers, where it costs an eighth."""
        fitted = self._fitted(n_centers)
        half = fitted.leading(self.X.shape[1] + (n_centers + 1) // 2)
        start = max(self.choice.penalty, LEAST_PENALTY)
        wanted = [f * start for f in PENALTY_FACTORS if f * start >= LEAST_PENALTY]
        penalty, half_loss = folds.downhill(wanted, half.losses(wanted, self._loss))
        return self._at(fitted, (10.0 * penalty, penalty, 0.1 * penalty), half_loss)

    def grown(self, n_centers: int, penalty: float) -> _Solved:
        """The same with more centers, whose penalty is near."""
        return self._at(self._fitted(n_centers), (penalty, 0.1 * penalty), 0.0)

    def _at(self, fitted: OutOfFold, penalties: tuple[float, ...], half_loss: float) -> _Solved:
        allowed = [value for value in penalties if value >= LEAST_PENALTY]
        penalty, loss = folds.downhill(allowed, fitted.losses(allowed, self._loss))
        if not np.isfinite(loss):
            raise np.linalg.LinAlgError("the kernel's Gram matrix is singular at every penalty")
        return _Solved(fitted, penalty, half_loss / loss)

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
        return Features(compute, p + len(centers), square=square, square_at=p)

    def _loss(self, outputs: Floats, rows: Ints) -> float:
        return self.target.loss(self.raw(outputs, rows).apply(outputs), rows)

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
    rows, outputs = fitted.outputs(penalty)
    read = work.raw(outputs, rows)
    weights, intercept = fitted.final(penalty)
    honest = np.empty((len(work.X), target.n_outputs))
    honest[rows] = read.apply(outputs)
    honest[held] = read.apply(fitted.predict(work.X[held], weights, intercept))
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
        details=details,
        out_of_fold=honest,
    )


PLUGIN: type[Teacher] = NystromRidge
