"""From least squares to the squared hinge: beyond an end of the target no error is counted.

A row whose target lies at an end is right wherever the output lies beyond it. For classes this
makes an L2 support vector machine of the ridge, for a target that piles up at its least or largest
value a censored regression, whose outputs are clipped there. The problem stays convex. It is solved
by majorization: each step solves with the ridge's own matrix for the errors that count, so that one
factor serves all steps, and momentum speeds them up. The folds' models step together for as long as
out-of-fold loss falls; that may be not at all.

Source: Chang, Hsieh and Lin 2008, JMLR 9, "Coordinate descent method for large-scale L2-loss linear
support vector machines" (the loss); Tobin 1958, doi:10.2307/1907382 (censored regression); Beck and
Teboulle 2009, doi:10.1137/080716542 (momentum). Differs from the papers: the ridge's matrix as
majorizer, and early stopping by out-of-fold loss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from app.science.linalg import Floats
from app.science.mimicry.cross_fit import N_FOLDS, CrossFit, Loss, Solution, System, Weights
from app.science.mimicry.target import Ends
from app.science.parallel import side_by_side

CHECKS = (4, 10, 20, 40)
"""Numbers of steps after which the loss is looked at."""
WORTH_MORE = 0.985


@dataclass(frozen=True)
class _State:
    """Of all models (s = folds + 1): weights (m, s, c) and intercepts (s, c).

    outputs : (n, c), each row's by the model that did not see it
    """

    weights: Floats
    intercepts: Floats
    outputs: Floats
    loss: float = np.inf
    steps: int = 0


def descend(fitted: CrossFit, penalty: float, ends: Ends, loss: Loss) -> Solution:
    """Step away from least squares for as long as the out-of-fold loss falls noticeably.

    Raises
    ------
    numpy.linalg.LinAlgError
        The features are singular at this penalty.
    """
    rows = np.concatenate(fitted.folds)
    systems = fitted.systems(penalty)
    best = _least_squares(fitted, systems)
    best = replace(best, loss=loss(best.outputs, rows))
    for state in _Descent(fitted, systems, penalty, ends).checked(best):
        found = replace(state, loss=loss(state.outputs, rows))
        if found.loss > WORTH_MORE * best.loss:
            break
        best = found
    weights = np.ascontiguousarray(best.weights[:, -1])
    return Solution(rows, best.outputs, (weights, best.intercepts[-1]), best.steps)


def _least_squares(fitted: CrossFit, systems: Sequence[System]) -> _State:
    pairs = [system.weights() for system in systems]
    outputs = [fitted.fold_outputs(number, *pairs[number]) for number in range(N_FOLDS)]
    return _State(
        np.stack([weights for weights, _ in pairs], axis=1),
        np.stack([intercept for _, intercept in pairs]),
        np.concatenate(outputs),
    )


@dataclass(frozen=True)
class _Descent:
    """Accelerated steps at one penalty."""

    fitted: CrossFit
    systems: tuple[System, ...]
    penalty: float
    ends: Ends

    def checked(self, start: _State) -> Iterator[_State]:
        """After ``CHECKS`` steps."""
        for steps, state in enumerate(self._states(start)):
            if steps in CHECKS:
                yield replace(state, steps=steps)
            if steps == CHECKS[-1]:
                return

    def _states(self, start: _State) -> Iterator[_State]:
        before = ahead = (start.weights, start.intercepts)
        pace = 1.0
        while True:
            outputs, after = self._step(*ahead)
            yield _State(*ahead, outputs)
            faster = (1.0 + np.sqrt(1.0 + 4.0 * pace**2)) / 2.0
            push = (pace - 1.0) / faster
            ahead = tuple(new + push * (new - old) for new, old in zip(after, before, strict=True))
            before, pace = after, faster

    def _step(self, weights: Floats, intercepts: Floats) -> tuple[Floats, Weights]:
        """Out-of-fold outputs (n, c) at the given models, and the models one step on."""
        flat = weights.reshape(len(weights), -1)
        parts = side_by_side(lambda fold: self._errors(fold, flat, intercepts), range(N_FOLDS))
        outputs, products, sums = zip(*parts, strict=True)
        slope, total = sum(products).reshape(weights.shape), sum(sums)
        pull = self.penalty * (self.fitted.penalty_matrix @ flat).reshape(weights.shape)
        steps = [
            self._one(system, slope[:, number], total[number], pull[:, number])
            for number, system in enumerate(self.systems)
        ]
        step, lift = np.stack([s for s, _ in steps], axis=1), np.stack([b for _, b in steps])
        return np.concatenate(outputs), (weights - step, intercepts - lift)

    @staticmethod
    def _one(system: System, slope: Floats, total: Floats, pull: Floats) -> Weights:
        """One model's step, its intercept's too, from the sums of its errors and their products."""
        n, mean = system.sums.n, system.sums.feature_mean
        step = system.solved(slope - np.outer(mean, total) + n * pull)
        return step, total / n - mean @ step

    def _errors(
        self, fold: int, weights: Floats, intercepts: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Of a fold's rows: honest outputs, the features' products with the errors, and sums."""
        features = torch.as_tensor(self.fitted.kept[fold])  # 3x faster here than a BLAS for numpy
        columns = self.fitted.columns[self.fitted.folds[fold]]
        outputs = (features @ torch.as_tensor(weights)).numpy().reshape(-1, *intercepts.shape)
        outputs += intercepts
        errors = outputs - self.ends.moved(columns[:, None, :], outputs)
        errors[:, fold] = 0.0  # this fold's model does not see them
        flat = np.ascontiguousarray(
            errors.reshape(len(errors), -1).T
        )  # 2x faster than its transpose
        product = torch.as_tensor(flat) @ features
        return outputs[:, fold], product.numpy().T, errors.sum(axis=0)
