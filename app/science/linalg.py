"""Penalized least squares in float64 from streamed sums, and blocked kernel products.

Features arrive in blocks of rows and leave only their centered Gram matrix, so the (n, m) matrix
need never exist. All penalties of a ridge problem then share one symmetric eigendecomposition:
each costs O(m), its effective degrees of freedom and its generalized cross-validation included.

Source: Golub, Heath and Wahba 1979, doi:10.1080/00401706.1979.10489751 (GCV). Chan, Golub and
LeVeque 1983, doi:10.1080/00031305.1983.10483115 (adding centered sums). Differs from the paper:
the largest penalty within one standard error of the least GCV may be taken instead of the least.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy, dsyr, dsyrk
from threadpoolctl import ThreadpoolController

from app.science.errors import TooFewRows

Floats = NDArray[np.float64]
Block = tuple[NDArray[Any], NDArray[Any]]

BLOCK_BYTES = 16 * 2**20  # larger arrays are mapped anew by the allocator at every use
PENALTIES: tuple[float, ...] = tuple(float(v) for v in 10.0 ** np.arange(-9.0, 1.0, 0.5))
MAX_DOF_SHARE = 0.95
TILE = 256
WIDE = 600
"""Columns from which a product is worth several threads of the BLAS."""


def rows_per_block(width: int, *, itemsize: int = 8, budget_bytes: int = BLOCK_BYTES) -> int:
    """Rows of ``width`` numbers that fit the memory budget, at least 16."""
    return max(16, budget_bytes // max(1, width * itemsize))


@dataclass(frozen=True)
class GramSums:
    """Centered second moments of features and targets, in float64.

    gram : (m, m), sum of (f - mean)(f - mean)^T; cross : (m, c); target_square : (c,)
    """

    n: int
    feature_mean: Floats
    target_mean: Floats
    gram: Floats
    cross: Floats
    target_square: Floats

    def __add__(self, other: "GramSums") -> "GramSums":
        """The sums over both sets of rows."""
        n = self.n + other.n
        step = other.feature_mean - self.feature_mean
        lift = other.target_mean - self.target_mean
        share = self.n * other.n / n
        return GramSums(
            n=n,
            feature_mean=self.feature_mean + step * (other.n / n),
            target_mean=self.target_mean + lift * (other.n / n),
            gram=self.gram + other.gram + share * np.outer(step, step),
            cross=self.cross + other.cross + share * np.outer(step, lift),
            target_square=self.target_square + other.target_square + share * lift**2,
        )


def gram_sums(blocks: Iterable[Block]) -> GramSums:
    """Add up blocks of (features (b, m), targets (b, c)).

    Raises
    ------
    TooFewRows
        There is no block.
    """
    total: _ShiftedSums | None = None
    for features, targets in blocks:
        F, Y = features.astype(np.float64), targets.astype(np.float64)
        if total is None:
            total = _ShiftedSums(F.mean(axis=0), Y.mean(axis=0))
        total.add(F, Y)
    if total is None:
        raise TooFewRows(needed=1, got=0)
    return total.centered()


class _ShiftedSums:
    """Sums about the first block's mean: near enough to the whole mean for no digit to be lost."""

    def __init__(self, feature_shift: Floats, target_shift: Floats) -> None:
        m, c = len(feature_shift), len(target_shift)
        self.n = 0
        self.feature_shift, self.target_shift = feature_shift, target_shift
        self.feature_sum, self.target_sum = np.zeros(m), np.zeros(c)
        self.gram, self.cross = np.zeros((m, m), order="F"), np.zeros((m, c))
        self.target_square = np.zeros(c)

    def add(self, F: Floats, Y: Floats) -> None:
        """Overwrites both."""
        F -= self.feature_shift
        Y -= self.target_shift
        self.n += len(F)
        self.feature_sum += F.sum(axis=0)
        self.target_sum += Y.sum(axis=0)
        self.target_square += (Y * Y).sum(axis=0)
        with threads_for(F.shape[1]):
            self.cross += F.T @ Y
            # A symmetric update in place: half the work of a product, and no second matrix.
            self.gram = dsyrk(1.0, F.T, beta=1.0, c=self.gram, overwrite_c=True)

    def centered(self) -> GramSums:
        step, lift = self.feature_sum / self.n, self.target_sum / self.n
        upper = dsyr(-float(self.n), step, a=self.gram, overwrite_a=True)
        return GramSums(
            n=self.n,
            feature_mean=self.feature_shift + step,
            target_mean=self.target_shift + lift,
            gram=_mirrored(upper.T),
            cross=self.cross - self.n * np.outer(step, lift),
            target_square=self.target_square - self.n * lift**2,
        )


def _mirrored(lower: Floats) -> Floats:
    """The symmetric matrix of a lower triangle, in its place and tile by tile for the cache."""
    for start in range(0, len(lower), TILE):
        stop = start + TILE
        corner = np.tril(lower[start:stop, start:stop])
        lower[start:stop, start:stop] = corner + np.tril(corner, -1).T
        lower[start:stop, stop:] = lower[stop:, start:stop].T
    return lower


def threads_for(width: int) -> AbstractContextManager[object]:
    """Every thread of torch for wide products, one for the small ones between torch calls.

    The idle threads of a BLAS spin, and torch's threads then wait for a core: alternating
    small calls of both were twice as slow on two cores with two threads as with one.
    """
    n_threads = torch.get_num_threads() if width >= WIDE else 1
    return _blas_threads(n_threads)


def one_thread() -> AbstractContextManager[object]:
    """A single thread of the BLAS, for work that runs in several threads of its own."""
    return _blas_threads(1)


def _blas_threads(n_threads: int) -> AbstractContextManager[object]:
    context: AbstractContextManager[object] = _controller().limit(limits=n_threads, user_api="blas")
    return context


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    """The loaded BLAS libraries; looking for them takes milliseconds."""
    return ThreadpoolController()


@dataclass(frozen=True)
class RidgeFit:
    """Weights of one penalty: prediction = features @ weights + intercept.

    weights : (m, c); intercept : (c,); gcv in squared units of the target, summed over outputs
    """

    weights: Floats
    intercept: Floats
    penalty: float
    effective_dof: float
    gcv: float


def ridge_gcv(
    sums: GramSums,
    metric: Floats | None = None,
    *,
    penalties: Sequence[float] = PENALTIES,
    one_standard_error: bool = True,
) -> RidgeFit:
    """Minimize |Y - F w|^2 / n + penalty * w^T R w, the penalty chosen by GCV.

    Parameters
    ----------
    metric : R, (m, m) positive definite or (m,) diagonal; by default the variances of the
        features, which is ridge on standardized features
    one_standard_error : take the largest penalty whose GCV is within one standard error of the
        least; a mean of n squared Gaussian residuals has the relative error sqrt(2 / n)
    """
    root = _penalty_root(sums, metric)
    values, vectors = np.linalg.eigh(_whiten(root, sums.gram / sums.n))
    values = values.clip(0.0)
    loads = vectors.T @ _solve_root(root, sums.cross / sums.n)  # (m, c)
    scores = [_gcv(sums, values, loads, penalty) for penalty in penalties]
    best = int(np.argmin([gcv for gcv, _ in scores]))
    if one_standard_error:
        limit = scores[best][0] * (1.0 + np.sqrt(2.0 / sums.n))
        best = max((i for i, s in enumerate(scores) if s[0] <= limit), key=lambda i: penalties[i])
    gcv, dof = scores[best]
    white = vectors @ (loads / (values + penalties[best])[:, None])
    weights = _solve_root(root, white, transposed=True)
    return _fit(sums, weights, penalties[best], dof, gcv)


def _gcv(sums: GramSums, values: Floats, loads: Floats, penalty: float) -> tuple[float, float]:
    shrunk = loads / (values + penalty)[:, None]
    square = sums.target_square / sums.n
    residual = square - 2.0 * (loads * shrunk).sum(axis=0)
    residual = residual + (values[:, None] * shrunk**2).sum(axis=0)
    dof = float((values / (values + penalty)).sum()) + 1.0
    if dof >= MAX_DOF_SHARE * sums.n:
        return float("inf"), dof
    return float(residual.clip(0.0).sum()) / (1.0 - dof / sums.n) ** 2, dof


def ridge_path(
    sums: GramSums, metric: Floats | None = None, *, penalties: Sequence[float]
) -> Iterator[RidgeFit]:
    """The ridge solution at each penalty in turn by one Cholesky each, for wide features.

    Stops at the first penalty that leaves the system numerically singular. Effective dof and GCV
    are NaN here: ``effective_dof`` computes the first for the penalty that is kept.
    """
    R = variances(sums) if metric is None else metric
    for penalty in penalties:
        weights = solve_ridge(sums.gram.copy(), sums.cross, R, sums.n * penalty)
        if weights is None:
            return
        yield _fit(sums, weights, penalty, float("nan"), float("nan"))


def solve_ridge(gram: Floats, cross: Floats, R: Floats, penalty: float) -> Floats | None:
    """Solve (gram + penalty R) w = cross in place of ``gram``; None where it is singular.

    Parameters
    ----------
    gram : (m, m), symmetric, in C order; R : the same, or its diagonal (m,); cross : (m, c)
    """
    factor = ridge_factor(gram, R, penalty)
    return None if factor is None else solve_factored(factor, cross)


def ridge_factor(gram: Floats, R: Floats, penalty: float) -> Floats | None:
    """The upper Cholesky factor of gram + penalty R in place of ``gram``, None where singular.

    Wide systems are bound by memory as much as by arithmetic, so no second matrix is made.
    """
    if R.ndim == 1:
        gram[np.diag_indices_from(gram)] += penalty * R
    else:
        gram = daxpy(R.reshape(-1), gram.reshape(-1), a=penalty).reshape(gram.shape)
    system = gram.T  # Fortran's order, as LAPACK wants it
    try:
        with threads_for(len(system)):
            factor, _ = scipy.linalg.cho_factor(system, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(factor)


def solve_factored(factor: Floats, cross: Floats) -> Floats:
    """(m, c), from ``ridge_factor``."""
    with threads_for(len(factor)):
        return np.asarray(scipy.linalg.cho_solve((factor, False), cross, check_finite=False))


def effective_dof(sums: GramSums, metric: Floats | None, penalty: float) -> float:
    """Trace of the smoother at one penalty, the intercept counted."""
    system = sums.gram / sums.n + penalty * _dense(sums, metric)
    with threads_for(len(system)):
        return _trace(system, sums.gram / sums.n) + 1.0


def _trace(system: Floats, gram: Floats) -> float:
    """The trace of system^-1 gram."""
    root = torch.linalg.cholesky(torch.as_tensor(system))
    return float((torch.cholesky_inverse(root) * torch.as_tensor(gram)).sum())


def _fit(sums: GramSums, weights: Floats, penalty: float, dof: float, gcv: float) -> RidgeFit:
    intercept = sums.target_mean - sums.feature_mean @ weights
    return RidgeFit(weights, intercept, penalty, dof, gcv)


def variances(sums: GramSums) -> Floats:
    """(m,), variance of each feature, floored so that a constant one stays solvable."""
    spread = np.diagonal(sums.gram) / sums.n
    return np.maximum(spread, max(float(spread.max(initial=0.0)) * 1e-18, 1e-300))


def _dense(sums: GramSums, metric: Floats | None) -> Floats:
    metric = variances(sums) if metric is None else metric
    return np.diag(metric) if metric.ndim == 1 else metric


def _penalty_root(sums: GramSums, metric: Floats | None) -> Floats:
    metric = variances(sums) if metric is None else metric
    if metric.ndim == 1:
        return np.sqrt(metric)
    return np.asarray(np.linalg.cholesky(metric))


def _solve_root(root: Floats, values: Floats, *, transposed: bool = False) -> Floats:
    if root.ndim == 1:
        return np.asarray(values / root[:, None])
    return np.asarray(
        scipy.linalg.solve_triangular(
            root, values, lower=True, trans=int(transposed), check_finite=False
        )
    )


def _whiten(root: Floats, gram: Floats) -> Floats:
    half = _solve_root(root, gram)
    white = _solve_root(root, half.T.copy())
    return np.asarray((white + white.T) / 2.0)


def squared_distances(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(n, m), squared Euclidean distances between rows, never negative."""
    square = left.square().sum(1)[:, None] + right.square().sum(1)[None, :]
    return square.addmm_(left, right.T, alpha=-2.0).clamp_min_(0.0)


def median_squared_distance(points: NDArray[Any], rng: np.random.Generator) -> float:
    """Median squared distance of 2000 random pairs of different rows; 1 if they all coincide."""
    n = len(points)
    first = rng.integers(0, n, 2000)
    second = (first + rng.integers(1, max(n, 2), 2000)) % n
    gaps = ((points[first] - points[second]) ** 2).sum(axis=1)
    positive = gaps[gaps > 0]
    return float(np.median(positive)) if positive.size else 1.0
