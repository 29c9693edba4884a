"""Differences of the target over pairs of near rows, added up by shells of distance.

Only the nearest few percent of all pairs are kept, and of them only sums: for each row and shell
the number of pairs and the sum of |difference|^p. Resampling rows then costs one product.

Source: none; the shells are the bins of a structure function (see ``structure_function.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.linalg import Floats, rows_per_block, squared_distances

Ints = NDArray[np.int64]

POWERS = (1, 2, 4)
N_SHELLS = 10
NEAREST, FARTHEST = 2e-4, 5e-2
"""The shells' ends as quantiles of all pair distances."""
PAIRS_PER_SHELL = 1000
SAMPLED_PAIRS = 400_000
MIN_ROWS = 200
REPLICATES = 100
COINCIDENT = 1e-12
"""Squared distances below this share of the largest shell's are rounding, not distance."""


class Nearest(NamedTuple):
    """Each row's nearest other row that is not the same: squared distance and gap, both (n,)."""

    squares: Floats
    gaps: Floats


@dataclass(frozen=True)
class NearPairs:
    """Sums over pairs, of shape (n, shells) each; every pair counts at both of its rows.

    counts : pairs; log_distances : sum of log r; powers : p to the sum of |y - y'|^p
    """

    counts: Floats
    log_distances: Floats
    powers: dict[int, Floats]
    nearest: Nearest

    @property
    def n_rows(self) -> int:
        """Rows whose pairs were looked at."""
        return len(self.counts)

    def curves(self, weights: Floats) -> tuple[Floats, dict[int, Floats]]:
        """Mean log r and mean |y - y'|^p by shell, each (..., shells), for row weights (..., n)."""
        counts = np.maximum(weights @ self.counts, 1.0)
        moments = {p: (weights @ sums) / counts for p, sums in self.powers.items()}
        return (weights @ self.log_distances) / counts, moments

    @cached_property
    def once(self) -> Floats:
        """(n,), every row with weight one."""
        return np.ones(self.n_rows)

    @property
    def radii(self) -> Floats:
        """(shells,), geometric mean distances."""
        return np.asarray(np.exp(self.curves(self.once)[0]))

    def resampled(self, rng: np.random.Generator) -> Floats:
        """(replicates, n), weights of a bootstrap over rows.

        A pair varies with both of its rows, but its weight is that of one. Deviations from one
        are doubled for that: exact to first order (Hajek's projection).
        """
        return np.asarray(2.0 * drawn_weights(self.n_rows, rng) - 1.0)


def drawn_weights(n: int, rng: np.random.Generator) -> Floats:
    """(replicates, n), how often a bootstrap draws each of n items."""
    return rng.multinomial(n, np.full(n, 1.0 / n), size=REPLICATES).astype(np.float64)


def near_pairs(Z: Floats, y: Floats, rng: np.random.Generator) -> NearPairs:
    """Collect the pairs, in blocks of rows.

    Parameters
    ----------
    Z : (n, q), rows in the metric whose distances count; y : (n,)

    Raises
    ------
    TooFewRows
        Fewer than 200 rows.
    DegenerateDistances
        So many rows coincide that there are no shells.
    """
    if len(Z) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(Z))
    edges = _edges(Z, rng)
    size = len(Z) * N_SHELLS
    sums = [np.zeros(size) for _ in range(2 + len(POWERS))]
    nearest = Nearest(np.full(len(Z), np.inf), np.zeros(len(Z)))
    for start, squares in _blocks(Z):
        _keep_nearest(nearest, start, squares, y)
        near, others = np.nonzero((squares >= edges[0]) & (squares < edges[-1]))
        found, rows = squares[near, others], near + start
        place = rows * N_SHELLS + np.searchsorted(edges, found, "right") - 1
        gap = np.abs(y[rows] - y[others])
        weights = (None, 0.5 * np.log(found), *(gap**p for p in POWERS))
        for total, values in zip(sums, weights, strict=True):
            total += np.bincount(place, values, size)
    counts, logs, *powers = (total.reshape(-1, N_SHELLS) for total in sums)
    return NearPairs(counts, logs, dict(zip(POWERS, powers, strict=True)), nearest)


def _blocks(Z: Floats) -> Iterator[tuple[int, Floats]]:
    """First row and squared distances to all rows, those of rows that coincide infinite."""
    points = torch.as_tensor(Z - Z.mean(axis=0))
    rounding = COINCIDENT * float(points.square().sum(1).max())
    step = rows_per_block(len(Z))
    for start in range(0, len(Z), step):
        squares = squared_distances(points[start : start + step], points)
        yield start, squares.masked_fill_(squares <= rounding, torch.inf).numpy()


def _keep_nearest(nearest: Nearest, start: int, squares: Floats, y: Floats) -> None:
    rows = np.arange(start, start + len(squares))
    others = squares.argmin(axis=1)
    nearest.squares[rows] = squares[rows - start, others]
    nearest.gaps[rows] = np.abs(y[rows] - y[others])


def _edges(Z: Floats, rng: np.random.Generator) -> Floats:
    """Squared distances between the shells, equally spaced in the log of the share of pairs."""
    n, step = len(Z), 50_000
    first = rng.integers(0, n, SAMPLED_PAIRS)
    second = (first + rng.integers(1, n, SAMPLED_PAIRS)) % n
    parts = (slice(start, start + step) for start in range(0, SAMPLED_PAIRS, step))
    squares = np.concatenate([((Z[first[p]] - Z[second[p]]) ** 2).sum(axis=1) for p in parts])
    apart = squares[squares > COINCIDENT * float(squares.max())]
    least = max(NEAREST, 2.0 * PAIRS_PER_SHELL * N_SHELLS / n**2)
    shares = np.geomspace(least, min(max(FARTHEST, 4.0 * least), 1.0), N_SHELLS + 1)
    edges = np.quantile(apart, shares) if apart.size else np.zeros(1)
    if np.unique(edges).size <= N_SHELLS:
        raise DegenerateDistances("too many distances tie; drop duplicate rows or constant columns")
    return np.asarray(edges)
