"""A metric from the task: distances count along the directions in which the target moves.

A cheap kernel ridge on a few hundred centers predicts the target, the average outer product of its
gradients (AGOP) becomes the next metric, and this repeats a few times. Every step is a linear
solve; the fixed point itself carries no guarantee, so held-out rows decide which iterate is kept,
and the identity stays unless an iterate beats it by one standard error.

Source: Radhakrishnan, Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639. Differs
from the paper: Nystrom centers, Gaussian next to Laplace kernels, the guard and the truncation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import (
    gram_sums,
    median_squared_distance,
    ridge_gcv,
    squared_distances,
)
from app.science.mimicry.kernels import KERNELS, Kernel, KernelName

Floats = NDArray[np.float64]

ITERATIONS = 3
MAX_ROWS = 5000
MAX_CENTERS = 400
GRADIENT_ROWS = 3000
TRACE_KEPT = 1.0 - 1e-6  # weak directions count: dropping 5e-4 cost one table 80 % more error
JITTER = 1e-5
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-8.0, -1.9, 0.75))


@dataclass(frozen=True)
class Expansion:
    """f(z) = k(|z - center|^2 / squared_bandwidth) @ weights, up to a constant.

    centers : (m, q); weights : (m, c)
    """

    kernel: KernelName
    centers: Floats
    weights: Floats
    squared_bandwidth: float


@dataclass(frozen=True)
class Metric:
    """z = x @ matrix, and distances are Euclidean in z.

    matrix : (p, q), unit of z per unit of x; spectrum : (p,), shares of the AGOP's trace,
    descending; iteration 0 is the identity; held_out_loss : in units of the target's variance
    """

    matrix: Floats
    spectrum: Floats
    kernel: KernelName
    iteration: int
    diagonal: bool
    held_out_loss: float
    identity_loss: float

    @property
    def relevant_dimension(self) -> float:
        """Participation ratio of the spectrum: how many directions the target uses."""
        return float(self.spectrum.sum() ** 2 / (self.spectrum**2).sum())

    @property
    def rank(self) -> int:
        """Directions kept, q."""
        return int(self.matrix.shape[1])

    def to_json(self) -> dict[str, Any]:
        """The metric without its matrix."""
        return {
            "kernel": self.kernel,
            "iteration": self.iteration,
            "diagonal": self.diagonal,
            "identity_kept": self.iteration == 0,
            "rank": self.rank,
            "relevant_dimension": self.relevant_dimension,
            "spectrum": [float(value) for value in self.spectrum[:50]],
            "held_out_loss": self.held_out_loss,
            "identity_loss": self.identity_loss,
        }


def learn(X: Floats, Y: Floats, kernel: KernelName, *, rng: np.random.Generator) -> Metric:
    """The best metric for one kernel, by held-out loss.

    Parameters
    ----------
    X : (n, p); Y : (n, c), in units of the target's standard deviation
    """
    sample = _sample(X, Y, rng)
    identity = _fit(sample, np.eye(X.shape[1]), KERNELS[kernel], rng)
    best, best_root, best_kind = identity, np.eye(X.shape[1]), (0, False)
    for root, fit, kind in _iterates(sample, identity, KERNELS[kernel], rng):
        if fit.loss < best.loss:
            best, best_root, best_kind = fit, root, kind
    gain = identity.losses - best.losses
    if gain.mean() <= gain.std() / np.sqrt(len(gain)):
        best, best_root, best_kind = identity, np.eye(X.shape[1]), (0, False)
    matrix, spectrum = truncated(best_root, keep_all=best_kind[0] == 0)
    return Metric(matrix, spectrum, kernel, best_kind[0], best_kind[1], best.loss, identity.loss)


@dataclass(frozen=True)
class _Sample:
    X: Floats
    Y: Floats
    X_held: Floats
    Y_held: Floats


@dataclass(frozen=True)
class _CheapFit:
    expansion: Expansion
    losses: Floats

    @property
    def loss(self) -> float:
        return float(self.losses.mean())


def _sample(X: Floats, Y: Floats, rng: np.random.Generator) -> _Sample:
    rows = rng.permutation(len(X))[:MAX_ROWS]
    n_held = max(1, len(rows) // 5)
    held, kept = rows[:n_held], rows[n_held:]
    return _Sample(X[kept], Y[kept], X[held], Y[held])


def _iterates(
    sample: _Sample, identity: _CheapFit, kernel: Kernel, rng: np.random.Generator
) -> Iterator[tuple[Floats, _CheapFit, tuple[int, bool]]]:
    p = sample.X.shape[1]
    for diagonal in (False, True):
        root, fit = np.eye(p), identity
        for iteration in range(1, ITERATIONS + 1):
            root = gradient_root(sample.X, root, fit.expansion, diagonal=diagonal)
            fit = _fit(sample, root, kernel, rng)
            yield root, fit, (iteration, diagonal)


def _fit(sample: _Sample, root: Floats, kernel: Kernel, rng: np.random.Generator) -> _CheapFit:
    Z, Z_held = sample.X @ root, sample.X_held @ root
    median = median_squared_distance(Z, rng)
    fits = [
        _fit_bandwidth(sample, Z, Z_held, kernel, median * factor**2)
        for factor in kernel.bandwidths
    ]
    return min(fits, key=lambda fit: fit.loss)


def _fit_bandwidth(
    sample: _Sample, Z: Floats, Z_held: Floats, kernel: Kernel, squared_bandwidth: float
) -> _CheapFit:
    centers = torch.as_tensor(Z[: min(MAX_CENTERS, len(Z) // 2)])
    features = kernel.profile(squared_distances(torch.as_tensor(Z), centers) / squared_bandwidth)
    square = kernel.profile(squared_distances(centers, centers) / squared_bandwidth).numpy()
    sums = gram_sums([(features.numpy(), sample.Y)])
    penalty = square + JITTER * np.eye(len(square))
    ridge = ridge_gcv(sums, penalty, penalties=PENALTIES, one_standard_error=False)
    held = kernel.profile(squared_distances(torch.as_tensor(Z_held), centers) / squared_bandwidth)
    errors = held.numpy() @ ridge.weights + ridge.intercept - sample.Y_held
    expansion = Expansion(kernel.name, centers.numpy(), ridge.weights, squared_bandwidth)
    return _CheapFit(expansion, (errors**2).sum(axis=1))


def gradient_root(X: Floats, matrix: Floats, expansion: Expansion, *, diagonal: bool) -> Floats:
    """Square root (p, p) of the AGOP of a kernel expansion over z = x @ matrix, in units of x."""
    rows = X[:GRADIENT_ROWS]
    Z, centers = torch.as_tensor(rows @ matrix), torch.as_tensor(expansion.centers)
    s = squared_distances(Z, centers) / expansion.squared_bandwidth
    slope = KERNELS[expansion.kernel].slope(s)
    weights = torch.as_tensor(expansion.weights)
    outer = torch.zeros(Z.shape[1], Z.shape[1], dtype=Z.dtype)
    for output in range(weights.shape[1]):
        pull = slope * weights[:, output]  # (b, m)
        gradient = Z * pull.sum(1, keepdim=True) - pull @ centers
        outer += gradient.T @ gradient
    agop = matrix @ outer.numpy() @ matrix.T  # d/dx = matrix d/dz
    if diagonal:
        agop = np.diag(np.diagonal(agop))
    largest = np.diagonal(agop).max()
    values, vectors = np.linalg.eigh(agop / (largest if largest > 0 else 1.0))
    return np.asarray((vectors * np.sqrt(values.clip(0.0))) @ vectors.T)


def truncated(root: Floats, *, keep_all: bool = False) -> tuple[Floats, Floats]:
    """Columns sqrt(value) * vector of the leading directions, and all shares of the trace."""
    values, vectors = np.linalg.eigh(root @ root.T)
    values, vectors = values[::-1].clip(0.0), vectors[:, ::-1]
    shares = values / values.sum()
    if keep_all:
        return root, shares
    rank = int(np.searchsorted(np.cumsum(shares), TRACE_KEPT)) + 1
    rank = min(rank, len(shares))
    return vectors[:, :rank] * np.sqrt(values[:rank]), shares
