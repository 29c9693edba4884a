"""A metric from the task: distances count along the directions in which the target moves.

A kernel ridge predicts the target, and the average outer product of its gradients (AGOP) becomes
the next metric. Every step is a linear solve; the fixed point itself carries no guarantee, so
held-out rows decide which iterate is kept (see ``search.py``).

Source: Radhakrishnan, Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639. Differs
from the paper: Nystrom centers, Gaussian next to Laplace kernels and the truncation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from app.science.linalg import Floats, squared_distances
from app.science.mimicry.kernels import KERNELS, KernelName

GRADIENT_ROWS = 3000
TRACE_KEPT = 1.0 - 1e-6  # weak directions count: dropping 5e-4 cost one table 80 % more error


@dataclass(frozen=True)
class Expansion:
    """f = k(|z - center|^2 / squared_bandwidth) @ weights + x @ linear, up to a constant.

    centers : (m, q), in z; weights : (m, c); linear : (p, c), None where there is no such part
    """

    kernel: KernelName
    centers: Floats
    weights: Floats
    squared_bandwidth: float
    linear: Floats | None = None


@dataclass(frozen=True)
class Metric:
    """z = x @ matrix, and distances are Euclidean in z.

    matrix : (p, q), unit of z per unit of x; start : where the iteration began; iteration 0 is
    the start itself; diagonal : only the columns' scales were learned; power : of the outer
    product that counts squared distances
    """

    matrix: Floats
    start: str
    iteration: int = 0
    diagonal: bool = True
    power: float = 1.0

    @property
    def spectrum(self) -> Floats:
        """(q,), shares of the trace of matrix matrix^T, descending."""
        values = np.linalg.svd(self.matrix, compute_uv=False) ** 2
        return np.asarray(values / values.sum())

    @property
    def relevant_dimension(self) -> float:
        """Participation ratio of the spectrum: how many directions the target uses."""
        return float(1.0 / (self.spectrum**2).sum())

    def next(self, X: Floats, expansion: Expansion, *, diagonal: bool) -> "Metric":
        """The metric of the expansion's own gradients at the first rows of X, (n, p)."""
        agop = gradient_outer_product(X[:GRADIENT_ROWS], self.matrix, expansion)
        if diagonal:
            agop = np.diag(np.diagonal(agop))
        return Metric(_root(agop, 1.0), self.start, self.iteration + 1, diagonal)

    def by(self, agop: Floats, power: float) -> "Metric":
        """The full metric of an outer product (p, p) of gradients, to a power."""
        return Metric(
            _root(agop, power), self.start, self.iteration + 1, diagonal=False, power=power
        )

    def to_json(self) -> dict[str, Any]:
        """The metric without its matrix."""
        return {
            "start": self.start,
            "iteration": self.iteration,
            "diagonal": self.diagonal,
            "power": self.power,
            "rank": int(self.matrix.shape[1]),
            "relevant_dimension": self.relevant_dimension,
            "spectrum": [float(value) for value in self.spectrum[:50]],
        }


def scaled(weights: Floats, start: str) -> Metric:
    """The diagonal metric of non-negative weights (p,), the largest as 1."""
    return Metric(np.diag(weights / weights.max()), start)


def gradient_outer_product(X: Floats, matrix: Floats, expansion: Expansion) -> Floats:
    """(p, p), the sum over rows and outputs of grad grad^T with respect to x, up to a factor."""
    Z, centers = torch.as_tensor(X @ matrix), torch.as_tensor(expansion.centers)
    s = squared_distances(Z, centers).div_(expansion.squared_bandwidth)
    slope = KERNELS[expansion.kernel].slope(s)
    back = torch.as_tensor(matrix).T  # d/dx = matrix d/dz
    outer = torch.zeros(X.shape[1], X.shape[1], dtype=Z.dtype)
    for index, weights in enumerate(torch.as_tensor(expansion.weights).T):
        pull = slope * weights  # (b, m)
        gradient = (Z * pull.sum(1, keepdim=True) - pull @ centers) @ back
        if expansion.linear is not None:
            half = 0.5 * expansion.squared_bandwidth
            gradient += half * torch.as_tensor(expansion.linear[:, index])
        outer += gradient.T @ gradient
    return outer.numpy()


def _root(agop: Floats, power: float) -> Floats:
    """(p, q), leading directions times the roots of their values, which are raised to the power.

    The largest diagonal entry counts as 1.
    """
    largest = np.diagonal(agop).max()
    values, vectors = np.linalg.eigh(agop / (largest if largest > 0 else 1.0))
    values, vectors = values[::-1].clip(0.0) ** power, vectors[:, ::-1]
    shares = np.cumsum(values) / max(values.sum(), 1e-300)
    rank = min(int(np.searchsorted(shares, TRACE_KEPT)) + 1, len(values))
    return np.asarray(vectors[:, :rank] * np.sqrt(values[:rank]))
