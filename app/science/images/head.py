"""The only fitted layer: ridge on one-hot columns, then multinomial logistic where it wins.

Features stream by in blocks. A first pass leaves their float64 Gram matrix, from which every
penalty of ridge follows by one Cholesky factorization. The logistic fit starts from the ridge
scores, takes L-BFGS steps preconditioned by the same matrix, and passes over the features once
a step. The penalty is the plain square of the weights: features have means of 1 already.

Source: Boehning 1992, doi:10.1007/BF00048682 (the Gram matrix bounds the Hessian of the
multinomial likelihood); Platt 1999, "Probabilistic outputs for support vector machines".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.linalg
import scipy.optimize
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.science.linalg import (
    Floats,
    GramSums,
    gram_sums,
    ridge_path,
    threads_for,
)

Ints = NDArray[np.int64]
FeatureBlocks = Callable[[Ints], Iterator[tuple[Ints, Tensor]]]
"""Of the rows asked for: blocks of row numbers (b,) and their float32 features (b, f)."""

RIDGE_PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(0.5, -4.1, -0.5))
LOGISTIC_RATIOS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Penalties of the logistic fit, in units of the one that was best for ridge."""
MAX_STEPS = 25
MAX_SHARPNESS = 50.0


@dataclass(frozen=True)
class Head:
    """Logits = features @ weights + intercept.

    weights : (f, c); intercept : (c,); penalty : of the mean loss; error, loss : share of
    wrong held-out rows, and mean cross-entropy there in nats
    """

    kind: Literal["ridge", "logistic"]
    weights: Floats
    intercept: Floats
    penalty: float
    error: float
    loss: float


@dataclass(frozen=True)
class Problem:
    """Features by row, class numbers of all rows, and which rows are fitted and held out.

    codes : (n,), from 0
    """

    blocks: FeatureBlocks
    codes: Ints
    n_classes: int
    fit: Ints
    held: Ints

    def sums(self, rows: Ints) -> GramSums:
        """One pass over the rows against one-hot columns."""
        columns = np.eye(self.n_classes)
        return gram_sums(
            (block.numpy(), columns[self.codes[part]]) for part, block in self.blocks(rows)
        )

    def outputs(self, head: Head) -> Floats:
        """(b, c), logits of the held-out rows in their order."""
        found = np.empty((len(self.codes), self.n_classes))
        for part, block in self.blocks(self.held):
            found[part] = block.numpy() @ head.weights + head.intercept
        return found[self.held]

    def scored(self, head: Head) -> Head:
        """The head with its error and loss on the held-out rows."""
        outputs, codes = self.outputs(head), self.codes[self.held]
        error = float((outputs.argmax(axis=1) != codes).mean())
        return replace(head, error=error, loss=_cross_entropy(outputs, codes))


def ridge(problem: Problem, sums: GramSums) -> Head:
    """The penalty of least squared error on the held-out rows, its scores turned into logits.

    Parameters
    ----------
    sums : of the fit rows
    """
    codes = problem.codes[problem.held]
    one_hot = np.eye(problem.n_classes)[codes]
    best, least, worse = None, np.inf, 0
    for found in ridge_path(sums, _plain(sums), penalties=RIDGE_PENALTIES):
        head = Head("ridge", found.weights, found.intercept, found.penalty, np.nan, np.nan)
        outputs = problem.outputs(head)
        error = float(((outputs - one_hot) ** 2).sum(axis=1).mean())
        best, least, worse = (
            ((head, outputs), error, 0) if error < least else (best, least, worse + 1)
        )
        if worse == 2:  # the error has one minimum along the path
            break
    if best is None:
        raise np.linalg.LinAlgError("the features' Gram matrix holds NaN or infinities")
    head, outputs = best
    factor = _sharpness(outputs, codes)
    weights, intercept = factor * head.weights, factor * head.intercept
    return problem.scored(replace(head, weights=weights, intercept=intercept))


def number(blocks: FeatureBlocks, columns: Floats, fit: Ints, held: Ints) -> Head:
    """Ridge on numbers, the penalty of least squared error on the held-out rows, then all rows.

    Parameters
    ----------
    columns : (n, 1), standardized
    """

    def sums(rows: Ints) -> GramSums:
        return gram_sums((block.numpy(), columns[part]) for part, block in blocks(rows))

    def error(weights: Floats, intercept: Floats) -> float:
        squares = [
            (block.numpy() @ weights + intercept - columns[part]) ** 2
            for part, block in blocks(held)
        ]
        return float(np.concatenate(squares).mean())

    fitted = sums(fit)
    path = ridge_path(fitted, _plain(fitted), penalties=RIDGE_PENALTIES)
    scored = [(error(each.weights, each.intercept), each.penalty) for each in path]
    least, penalty = min(scored)
    whole = fitted + sums(held)
    final = next(ridge_path(whole, _plain(whole), penalties=[penalty]))
    return Head("ridge", final.weights, final.intercept, penalty, least, least)


def _sharpness(outputs: Floats, codes: Ints) -> float:
    """The factor from ridge scores to logits; one offset a class overfits a few hundred rows."""
    found = scipy.optimize.minimize_scalar(
        lambda log: _cross_entropy(np.exp(log) * outputs, codes),
        bounds=(0.0, np.log(MAX_SHARPNESS)),
        method="bounded",
    )
    return float(np.exp(found.x))


def _cross_entropy(logits: Floats, codes: Ints) -> float:
    found = torch.nn.functional.cross_entropy(torch.as_tensor(logits), torch.as_tensor(codes))
    return float(found)


def logistic(problem: Problem, sums: GramSums, start: Head) -> Head:
    """The penalty of least held-out loss along a falling path; warm starts throughout."""
    likelihood = _Likelihood(problem, problem.fit, sums)
    best, head = None, start
    for ratio in LOGISTIC_RATIOS:
        penalty = ratio * start.penalty
        weights, intercept = likelihood.minimum(penalty, head)
        head = problem.scored(replace(head, kind="logistic", weights=weights, intercept=intercept))
        head = replace(head, penalty=penalty)
        if best is not None and head.loss >= best.loss:
            break
        best = head
    return best or start


def refit(problem: Problem, sums: GramSums, head: Head) -> Head:
    """The same kind and penalty on fitted and held-out rows; error and loss stay as measured.

    Parameters
    ----------
    sums : of the fit rows
    """
    whole = sums + problem.sums(problem.held)
    if head.kind == "logistic":
        rows = np.concatenate([problem.fit, problem.held])
        weights, intercept = _Likelihood(problem, rows, whole).minimum(head.penalty, head)
        return replace(head, weights=weights, intercept=intercept)
    old, new = (next(ridge_path(s, _plain(s), penalties=[head.penalty])) for s in (sums, whole))
    # The factor from scores to logits is kept: the rows that it was fitted on are fitted now.
    factor = float(np.linalg.norm(head.weights) / np.linalg.norm(old.weights))
    return replace(head, weights=factor * new.weights, intercept=factor * new.intercept)


def _plain(sums: GramSums) -> Floats:
    return np.ones(len(sums.feature_mean))


class _Likelihood:
    """Mean cross-entropy plus penalty / 2 * sum of squared weights, over passes of blocks."""

    def __init__(self, problem: Problem, rows: Ints, sums: GramSums) -> None:
        self.problem, self.rows, self.sums = problem, rows, sums
        self.mean = torch.as_tensor(sums.feature_mean, dtype=torch.float32)

    def minimum(self, penalty: float, start: Head) -> tuple[Floats, Floats]:
        """Weights (f, c) and intercept (c,) after at most ``MAX_STEPS`` steps from a head."""
        system = 0.25 * self.sums.gram / self.sums.n
        system[np.diag_indices_from(system)] += penalty
        with threads_for(len(system)):
            root = scipy.linalg.cholesky(system, lower=True, overwrite_a=True, check_finite=False)
        shape, c = start.weights.shape, self.problem.n_classes
        centered = start.intercept + self.sums.feature_mean @ start.weights

        def objective(point: Floats) -> tuple[float, Floats]:
            W = _solved(root, point[:-c].reshape(shape), transposed=True)
            loss, slope, bias_slope = self._value(W, point[-c:])
            slope = _solved(root, slope + penalty * W, transposed=False)
            whole = np.concatenate([slope.ravel(), bias_slope])
            return loss + 0.5 * penalty * float((W * W).sum()), whole

        found = scipy.optimize.minimize(
            objective,
            np.concatenate([(root.T @ start.weights).ravel(), centered]),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_STEPS, "maxcor": 10, "ftol": 1e-6},
        ).x
        W = _solved(root, found[:-c].reshape(shape), transposed=True)
        return W, found[-c:] - self.sums.feature_mean @ W

    def _value(self, W: Floats, centered: Floats) -> tuple[float, Floats, Floats]:
        """Mean cross-entropy and its slopes in the weights and in the centered intercept."""
        weights = torch.as_tensor(W, dtype=torch.float32)
        bias = torch.as_tensor(centered, dtype=torch.float32) - self.mean @ weights
        total, slope = 0.0, torch.zeros(W.T.shape, dtype=torch.float64)
        bias_slope = np.zeros(len(centered))
        for part, block in self.problem.blocks(self.rows):
            codes = torch.as_tensor(self.problem.codes[part])[:, None]
            logs = torch.addmm(bias, block, weights).log_softmax(dim=1)
            total -= float(logs.gather(1, codes).double().sum())
            residual = logs.exp().scatter_add_(1, codes, torch.full(codes.shape, -1.0))
            slope += (residual.T @ block).double()
            bias_slope += residual.double().sum(0).numpy()
        n = len(self.rows)
        tilt = slope.T.numpy() - np.outer(self.sums.feature_mean, bias_slope)
        return total / n, tilt / n, bias_slope / n


def _solved(root: Floats, values: Floats, *, transposed: bool) -> Floats:
    return np.asarray(
        scipy.linalg.solve_triangular(
            root, values, lower=True, trans=int(transposed), check_finite=False
        )
    )
