"""The only trained part: a linear head over fixed features, by convex solves and held-out choice.

Regression is ridge over a falling path of penalties. Classification is multinomial logistic
regression, warm-started along its path and preconditioned by the features' Gram matrix, so that
a few dozen L-BFGS steps suffice at any scale of the features.

Source: Boehning 1992, doi:10.1007/BF00048682 (the Hessian of the multinomial likelihood is bounded
by a fixed multiple of the Gram matrix, which is the preconditioner here).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize
import torch
from numpy.typing import NDArray

from app.science.linalg import (
    Block,
    Floats,
    GramSums,
    effective_dof,
    gram_sums,
    ridge_path,
    rows_per_block,
    threads_for,
    variances,
)
from app.science.mimicry.target import Ints, Target

RIDGE_PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(0.0, -9.6, -0.75))
LOGISTIC_PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
CACHE_BYTES = 2**30
MAX_STEPS = 40
HEADROOM = 100.0
MIN_TEMPERATURE_GAIN = 1e-3

Held = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Features:
    """Fixed features of encoded rows and what their penalty looks like.

    compute : (b, p) -> (b, m), any float type; exact : the same in float64; square : (k, k) penalty
    of the features from ``square_at`` on, all others are penalized by their variance; made_of :
    (m,), the place among the rows of the row that a feature is made of, -1 for none
    """

    compute: Callable[[NDArray[Any]], NDArray[Any]]
    width: int
    exact: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    square: Floats | None = None
    square_at: int = 0
    made_of: Ints | None = None

    def penalty(self, sums: GramSums) -> Floats:
        """R of the ridge problem, (m,) or (m, m)."""
        spread = variances(sums)
        if self.square is None:
            return spread
        full = np.diag(spread)
        here = slice(self.square_at, self.square_at + len(self.square))
        full[here, here] = self.square
        return full

    def held(self, rows: NDArray[Any]) -> Held:
        """Features of held-out rows, in each precision that the network will be read in."""
        found = self.compute(rows)
        return (found,) if self.exact is None else (found, self.exact(rows))

    def blocks(self, X: NDArray[Any], rows: Ints, targets: NDArray[Any]) -> Iterator[Block]:
        """Pairs of features (b, m) and targets (b, c) for the given rows."""
        step = rows_per_block(self.width)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            yield self.compute(X[part]), targets[part]


@dataclass(frozen=True)
class Head:
    """Output = features @ weights + intercept, in the unit of ``Target.losses``.

    weights : (m, c); intercept : (c,); validation_loss : mean loss on the held-out rows
    """

    weights: Floats
    intercept: Floats
    penalty: float
    effective_dof: float
    validation_loss: float
    sums: GramSums

    def output(self, features: NDArray[Any]) -> Floats:
        """(b, c)."""
        return np.asarray(features @ self.weights + self.intercept, dtype=np.float64)


@dataclass(frozen=True)
class Known:
    """What spares work: the sums of the fit rows, a head to start from, a penalty to start near.

    start : a head over like features; only penalties near its own are tried, from its weights
    near : see ``least_squares``
    """

    sums: GramSums | None = None
    start: Head | None = None
    near: float | None = None


def solve(
    features: Features,
    X: NDArray[Any],
    target: Target,
    split: tuple[Ints, Ints],
    known: Known | None = None,
) -> Head:
    """Fit on the first part of the split, choose the penalty on the second."""
    known = known or Known()
    fit, held = split
    sums = known.sums or gram_sums(features.blocks(X, fit, target.columns()))
    held_features = features.held(X[held])
    if target.task == "regression":
        return least_squares(features, sums, held_features, target, held, near=known.near)
    return _logistic_path(features, X, target, split, (sums, held_features, known.start))


def least_squares(
    features: Features,
    sums: GramSums,
    held_features: Held,
    target: Target,
    held: Ints,
    *,
    near: float | None = None,
) -> Head:
    """The ridge head of least held-out loss; the path stops two steps after its minimum.

    With ``near`` the path starts a little above that penalty, and goes back to the top only
    where its first step turns out the best.
    """
    wanted = [p for p in RIDGE_PENALTIES if near is None or p < HEADROOM * near]
    best = _best_on_path(features, sums, held_features, target, held, wanted)
    if best.penalty == wanted[0] and len(wanted) < len(RIDGE_PENALTIES):
        best = _best_on_path(features, sums, held_features, target, held, RIDGE_PENALTIES)
    return best


def _best_on_path(
    features: Features,
    sums: GramSums,
    held_features: Held,
    target: Target,
    held: Ints,
    penalties: Sequence[float],
) -> Head:
    R = features.penalty(sums)
    best: Head | None = None
    worse = 0
    for fit in ridge_path(sums, R, penalties=penalties):
        loss = _held_loss(held_features, target, held, fit.weights, fit.intercept)
        head = Head(fit.weights, fit.intercept, fit.penalty, 0.0, loss, sums)
        if best is None or head.validation_loss < best.validation_loss:
            best, worse = head, 0
        else:
            worse += 1
        if worse == 2:
            break
    if best is None:
        raise np.linalg.LinAlgError("the features' Gram matrix holds NaN or infinities")
    return best


def with_dof(head: Head, features: Features, target: Target) -> Head:
    """The head with its effective degrees of freedom, which cost as much as a few penalties."""
    R = features.penalty(head.sums)
    # p (1 - p) <= 1 / 4 bounds the curvature of the cross-entropy.
    factor = 1.0 if target.task == "regression" else 4.0
    return replace(head, effective_dof=effective_dof(head.sums, R, factor * head.penalty))


def _held_loss(
    features: Held, target: Target, held: Ints, weights: Floats, intercept: Floats
) -> float:
    """The larger of the losses in each precision, so that no head lives off rounding."""
    return max(target.loss(F @ weights + intercept, held) for F in features)


def ridge_by_squares(
    features: Features, sums: GramSums, held_features: NDArray[Any], held_columns: Floats
) -> float:
    """Least held-out squared error on the path, for quick comparisons of features."""
    path = ridge_path(sums, features.penalty(sums), penalties=RIDGE_PENALTIES)
    errors = (held_features @ fit.weights + fit.intercept - held_columns for fit in path)
    return min(float((error**2).sum(axis=1).mean()) for error in errors)


def refit(
    head: Head, features: Features, X: NDArray[Any], target: Target, split: tuple[Ints, Ints]
) -> Head:
    """The same penalty on all rows; the validation loss stays the one measured before."""
    sums = head.sums + gram_sums(features.blocks(X, split[1], target.columns()))
    if target.task == "regression":
        fit = next(ridge_path(sums, features.penalty(sums), penalties=[head.penalty]), None)
        if fit is None:
            return head
        return replace(head, weights=fit.weights, intercept=fit.intercept, sums=sums)
    rows = np.concatenate(split)
    problem = _LogisticProblem(features, X, target, rows, sums)
    weights, intercept = problem.solve(head.penalty, head.weights, head.intercept)
    return replace(head, weights=weights, intercept=intercept, sums=sums)


def _logistic_path(
    features: Features,
    X: NDArray[Any],
    target: Target,
    split: tuple[Ints, Ints],
    prepared: tuple[GramSums, Held, Head | None],
) -> Head:
    sums, held_features, start = prepared
    problem = _LogisticProblem(features, X, target, split[0], sums)
    weights, intercept = problem.origin()
    penalties: Sequence[float] = LOGISTIC_PENALTIES
    if start is not None:
        weights, intercept = start.weights, start.intercept
        penalties = (start.penalty * 5.0, start.penalty, start.penalty / 5.0)
    best: Head | None = None
    for penalty in penalties:
        weights, intercept = problem.solve(penalty, weights, intercept)
        loss = _held_loss(held_features, target, split[1], weights, intercept)
        if best is not None and loss > best.validation_loss:
            break
        best = Head(weights, intercept, penalty, 0.0, loss, sums)
    assert best is not None  # noqa: S101 - the path is never empty
    return best


class _LogisticProblem:
    """Mean cross-entropy plus penalty / 2 * w^T R w over cached or recomputed feature blocks."""

    def __init__(
        self, features: Features, X: NDArray[Any], target: Target, rows: Ints, sums: GramSums
    ) -> None:
        self.target, self.sums, self.n = target, sums, len(rows)
        self.mean = torch.as_tensor(sums.feature_mean, dtype=torch.float32)
        R = features.penalty(sums)
        self.R: Floats = np.diag(R) if R.ndim == 1 else R
        cacheable = self.n * features.width * 4 <= CACHE_BYTES
        self._arguments = (features, X, rows)
        self._cached = list(self._compute()) if cacheable else None

    def _compute(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        features, X, rows = self._arguments
        for F, codes in features.blocks(X, rows, self.target.raw):
            yield torch.as_tensor(F, dtype=torch.float32), torch.as_tensor(codes)

    def _passes(self) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        return self._compute() if self._cached is None else self._cached

    def origin(self) -> tuple[Floats, Floats]:
        """Zero weights and the log shares of the classes."""
        shares = np.bincount(self.target.raw, minlength=self.target.n_outputs) + 0.5
        return np.zeros(self.sums.cross.shape), np.log(shares / shares.sum())

    def solve(self, penalty: float, weights: Floats, intercept: Floats) -> tuple[Floats, Floats]:
        """Weights and intercept after at most ``MAX_STEPS`` steps from the given ones."""
        system = 0.25 * self.sums.gram / self.n + penalty * self.R
        system[np.diag_indices_from(system)] *= 1.0 + 1e-10
        with threads_for(len(system)):
            root = scipy.linalg.cholesky(system, lower=True, check_finite=False)
        shape = weights.shape
        centered = intercept + self.sums.feature_mean @ weights
        start = np.concatenate([(root.T @ weights).ravel(), centered])

        def objective(point: Floats) -> tuple[float, Floats]:
            W = _solve(root, point[: -shape[1]].reshape(shape), transposed=True)
            loss, slope, bias_slope = self._loss(W, point[-shape[1] :])
            pull = self.R @ W
            loss += 0.5 * penalty * float((W * pull).sum())
            slope = _solve(root, slope + penalty * pull, transposed=False)
            return loss, np.concatenate([slope.ravel(), bias_slope])

        options = {"maxiter": MAX_STEPS, "maxcor": 12, "maxfun": 60, "ftol": 1e-6}
        found = scipy.optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", options=options
        ).x
        W = _solve(root, found[: -shape[1]].reshape(shape), transposed=True)
        return W, found[-shape[1] :] - self.sums.feature_mean @ W

    def _loss(self, W: Floats, centered: Floats) -> tuple[float, Floats, Floats]:
        weights = torch.as_tensor(W, dtype=torch.float32)
        bias = torch.as_tensor(centered, dtype=torch.float32) - self.mean @ weights
        total, slope = 0.0, np.zeros(W.shape)
        bias_slope = np.zeros(len(centered))
        for F, codes in self._passes():
            logits = torch.addmm(bias, F, weights)
            norm = torch.logsumexp(logits, dim=1)
            picked = logits.gather(1, codes[:, None])[:, 0]
            total += float((norm - picked).double().sum())
            residual = torch.exp(logits - norm[:, None])
            residual[torch.arange(len(codes)), codes] -= 1.0
            slope += (residual.T @ F).T.double().numpy()  # 10x faster than F.T @ residual
            bias_slope += residual.double().sum(0).numpy()
        slope -= np.outer(self.sums.feature_mean, bias_slope)
        return total / self.n, slope / self.n, bias_slope / self.n


def _solve(root: Floats, values: Floats, *, transposed: bool) -> Floats:
    return np.asarray(
        scipy.linalg.solve_triangular(
            root, values, lower=True, trans=int(transposed), check_finite=False
        )
    )


def tempered(target: Target, raw_output: Floats, held: Ints) -> float:
    """The temperature where it lowers the held-out cross-entropy noticeably, else 1."""
    if target.task == "regression":
        return 1.0
    factor = temperature(target, raw_output, held)
    before, after = (target.loss(f * raw_output, held) for f in (1.0, factor))
    return factor if after < (1.0 - MIN_TEMPERATURE_GAIN) * before else 1.0


def temperature(target: Target, raw_output: Floats, held: Ints) -> float:
    """The factor on the logits that minimizes the held-out cross-entropy, in [0.3, 3]."""
    found = scipy.optimize.minimize_scalar(
        lambda log: target.loss(np.exp(log) * raw_output, held),
        bounds=(np.log(0.3), np.log(3.0)),
        method="bounded",
    )
    return float(np.exp(found.x))
