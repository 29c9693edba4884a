"""Fewer images than features: coordinates in the span of the images' features, without loss.

Penalized linear heads have weights in the span of the rows F (n, f), so with F = L Q^T, L lower
triangular and Q of orthonormal columns, a head on F Q is a head on F. The penalty is the plain
square of the weights, which the rotation leaves alone. L is the Cholesky factor of F F^T.

Source: the representer theorem; Hastie and Tibshirani 2004, doi:10.1093/biostatistics/kxh010.
"""

import numpy as np
import scipy.linalg

from app.science.linalg import Floats, threads_for

JITTER = 1e-9
"""Relative to the mean square length of a row, so that repeated images do no harm."""


def basis(rows: Floats) -> Floats:
    """Q, (f, n), of rows (n, f) in float64; n at most f."""
    with threads_for(len(rows)):
        square = rows @ rows.T
        square[range(len(rows)), range(len(rows))] += JITTER * square.trace() / len(rows)
        lower = scipy.linalg.cholesky(square, lower=True, overwrite_a=True, check_finite=False)
        transposed = scipy.linalg.solve_triangular(lower, rows, lower=True, check_finite=False)
    return np.asarray(transposed.T)
