"""Trace and largest eigenvalue of a symmetric matrix that is known by its products only.

Source: Hutchinson 1990, doi:10.1080/03610919008812866 (trace); Lehoucq, Sorensen and Yang 1998,
doi:10.1137/1.9780898719628 (ARPACK's restarted Lanczos method).
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from app.science.linalg import Floats
from app.science.structure.loss_surface.surface import Product

PROBES = 30
TOLERANCE = 1e-2  # of the residual; the eigenvalue is off by about its square


@dataclass(frozen=True, slots=True)
class Trace:
    """An estimate with its standard error, rather too large than too small."""

    value: float
    standard_error: float


def hutchinson_trace(
    product: Product, size: int, *, rng: np.random.Generator, n_probes: int = PROBES
) -> Trace:
    """Mean of v^T H v over random signs v, whose expectation is the trace.

    Its variance is 2 |H|^2 less the diagonal's part, with |H|^2 the mean of |H v|^2. The spread of
    the probes would be too small too often: one large eigenvalue makes them skew.
    """
    values, squares = np.empty(n_probes), np.empty(n_probes)
    for i in range(n_probes):
        signs = torch.as_tensor(rng.choice((-1.0, 1.0), size))
        found = product(signs)
        values[i], squares[i] = float(signs @ found), float(found @ found)
    return Trace(float(values.mean()), float(np.sqrt(2.0 * squares.mean() / n_probes)))


def largest_eigenvalue(product: Product, size: int, *, rng: np.random.Generator) -> float:
    """The algebraically largest eigenvalue."""

    def multiply(vector: Floats) -> Floats:
        return np.asarray(product(torch.as_tensor(np.ravel(vector))).numpy())

    if size < 4:
        return float(np.linalg.eigvalsh(np.stack([multiply(row) for row in np.eye(size)]))[-1])
    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    start = rng.standard_normal(size)
    values = eigsh(operator, k=1, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)
    return float(values[0])
