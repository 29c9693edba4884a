"""Principal axes of small sets by Jacobi's rotations, in operations that any runtime has.

Runtimes for networks know no eigenvectors. In two dimensions one rotation is exact, in three the
sweeps converge quadratically: five leave nothing that float32 could show.

Source: Golub and Van Loan 2013, Matrix Computations, 8.5 (cyclic Jacobi). Differs from the book:
the eigenvalues are then sorted by comparing neighbors, and the frame has determinant 1.
"""

from itertools import combinations

import numpy as np

from app.science.point_sets.ops import Ops, T

SWEEPS = 5
TINY = 1e-30

Entries = list[list[T]]
"""[i][j] is one entry (n, 1, 1) of every set's matrix."""


def principal_frames(ops: Ops[T], positions: T, dim: int) -> T:
    """Rotations (n, d, d) whose columns are the principal axes, the longest first.

    Parameters
    ----------
    positions : (n, k, d), centered, 0 at padded points
    """
    scatter = _scatter(ops, positions, dim)
    axes = _identity(scatter, dim)
    for _ in range(1 if dim == 2 else SWEEPS):
        for p, q in combinations(range(dim), 2):
            _rotate(ops, scatter, axes, p, q)
    _sort(ops, [scatter[i][i] for i in range(dim)], axes)
    rows = [ops.joined(row) for row in axes]
    return _stacked(ops, rows, dim)


def _scatter(ops: Ops[T], positions: T, dim: int) -> Entries[T]:
    moments = ops.transposed(positions) @ positions  # (n, d, d)
    entry: Entries[T] = []
    for i in range(dim):
        row = ops.constant(np.eye(dim)[i : i + 1]) @ moments  # (n, 1, d)
        entry.append([ops.columns(row, j, j + 1) for j in range(dim)])
    return entry


def _identity(scatter: Entries[T], dim: int) -> Entries[T]:
    zero = scatter[0][0] * 0.0
    return [[zero + float(i == j) for j in range(dim)] for i in range(dim)]


def _rotate(ops: Ops[T], scatter: Entries[T], axes: Entries[T], p: int, q: int) -> None:
    """Make entry (p, q) of the scatter zero."""
    gap, off = scatter[q][q] - scatter[p][p], scatter[p][q]
    root = ops.sqrt(gap * gap + off * off * 4.0)
    sign = ops.step(gap + TINY) * 2.0 - 1.0
    tangent = off * sign * 2.0 / (ops.absolute(gap) + root + TINY)
    cosine = _one_over(ops.sqrt(tangent * tangent + 1.0))
    sine = tangent * cosine
    for row in (*scatter, *axes):
        row[p], row[q] = row[p] * cosine - row[q] * sine, row[p] * sine + row[q] * cosine
    above, below = scatter[p], scatter[q]
    scatter[p] = [a * cosine - b * sine for a, b in zip(above, below, strict=True)]
    scatter[q] = [a * sine + b * cosine for a, b in zip(above, below, strict=True)]


def _one_over(x: T) -> T:
    return (x * 0.0 + 1.0) / x


def _sort(ops: Ops[T], sizes: list[T], axes: Entries[T]) -> None:
    """Longest axis first; a swap turns the sign of one of both, so that nothing is mirrored."""
    dim = len(sizes)
    for last in range(dim - 1, 0, -1):
        for i in range(last):
            swap = ops.step(sizes[i + 1] - sizes[i])
            step = (sizes[i + 1] - sizes[i]) * swap
            sizes[i], sizes[i + 1] = sizes[i] + step, sizes[i + 1] - step
            for row in axes:
                left, right = row[i], row[i + 1]
                row[i] = left + (right - left) * swap
                row[i + 1] = right - (right + left) * swap


def _stacked(ops: Ops[T], rows: list[T], dim: int) -> T:
    """Rows (n, 1, d) below each other."""
    places = [ops.constant(np.eye(dim)[:, i : i + 1]) for i in range(dim)]  # (d, 1)
    total = places[0] @ rows[0]
    for place, row in zip(places[1:], rows[1:], strict=True):
        total = total + place @ row
    return total
