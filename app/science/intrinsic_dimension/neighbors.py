"""Exact nearest neighbors, computed once and shared by every estimator.

Candidates come from blocked float32 matrix products of centered rows; the distances that
are returned come from float64 differences. Each row is then certified: a neighbor that the
float32 step could have missed sends its row to a float64 search. So far-apart clusters and
common offsets cost time, never digits.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.duplicates import first_occurrences

Progress = Callable[[float], None]
"""Called with the finished share of the work, in [0, 1]."""

MEMORY_BYTES = 512 * 2**20
_EXTRA_CANDIDATES = 8
_MAX_BLOCK_ROWS = 16_384
_MAX_QUERY_ROWS = 1_024


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Distances from query rows to their nearest other rows.

    Parameters
    ----------
    distances : (q, k) float64, ascending in k, > 0, unit of the input
    indices : (q, k) int64, row numbers of the input
    query_rows : (q,) int64, row numbers of the input, ascending
    n_references : distinct rows that were searched
    n_duplicates : rows dropped because an earlier row equals them
    """

    distances: Tensor
    indices: Tensor
    query_rows: Tensor
    n_references: int
    n_duplicates: int = 0

    def __post_init__(self) -> None:
        if not bool(torch.isfinite(self.distances).all() and (self.distances > 0).all()):
            raise DegenerateDistances("distances must be finite and positive")


def exact_neighbors(
    points: Tensor,
    k: int,
    *,
    queries: int | None = None,
    seed: int = 0,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Neighbors:
    """Search all references for each query row.

    Parameters
    ----------
    points : (n, p), finite; the search runs on the tensor's device
    k : neighbors per row, 1 <= k < number of distinct rows
    queries : number of query rows, drawn at random without repetition; ``None`` for all. All
        references are kept, because dropping some would change the scale that is measured
    memory_bytes : working memory beside ``points`` and the result

    Raises
    ------
    TooFewRows
        There are not more than ``k`` distinct rows.
    DegenerateDistances
        The points hold NaN or infinities.
    """
    if not bool(torch.isfinite(points).all()):
        raise DegenerateDistances("points must be finite")
    kept = first_occurrences(points)
    if len(kept) <= k:
        raise TooFewRows(needed=k + 1, got=len(kept))
    references = points if len(kept) == len(points) else points[kept]
    chosen = _choose(len(kept), queries, seed).to(points.device)
    search = _Search(references, k, memory_bytes)
    distances, indices = search.run(chosen, progress)
    return Neighbors(
        distances=distances,
        indices=kept[indices],
        query_rows=kept[chosen],
        n_references=len(kept),
        n_duplicates=len(points) - len(kept),
    )


def _choose(n: int, queries: int | None, seed: int) -> Tensor:
    """Draw query rows; (q,) int64, ascending."""
    if queries is None or queries >= n:
        return torch.arange(n)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(n, generator=generator)[:queries].sort().values


class _Search:
    """One blocked search: the references, their center and the block sizes."""

    def __init__(self, references: Tensor, k: int, memory_bytes: int) -> None:
        self.references, self.k = references, k
        n, p = references.shape
        self.center = references.mean(dim=0, dtype=torch.float64)
        self.n_candidates = min(k + _EXTRA_CANDIDATES, n - 1)
        share = memory_bytes // 3
        self.reference_rows = max(1, min(n, _MAX_BLOCK_ROWS, share // (12 * p)))
        fits = share // (8 * max(self.reference_rows + self.n_candidates, 2 * p))
        self.query_rows = max(1, min(_MAX_QUERY_ROWS, fits))
        self.rerank_rows = max(1, min(_MAX_QUERY_ROWS, share // (24 * self.n_candidates * p)))

    def run(self, chosen: Tensor, progress: Progress | None) -> tuple[Tensor, Tensor]:
        """Distances (q, k) and reference numbers (q, k) of the chosen rows."""
        found = []
        n_done = 0
        for rows in torch.split(chosen, self.query_rows):
            found.append(self._certified(rows))
            n_done += len(rows)
            if progress is not None:
                progress(n_done / len(chosen))
        return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])

    def _certified(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Search in float32, and again in float64 where float32 cannot vouch for the result."""
        candidates, beyond = self._candidates(rows, torch.float32)
        squared, indices = self._rerank(rows, candidates)
        doubtful = (squared[:, -1] > beyond - self._rounding(rows, squared[:, -1])).nonzero()
        if len(doubtful) and self.n_candidates < len(self.references) - 1:
            again = doubtful.squeeze(1)
            exact, _ = self._candidates(rows[again], torch.float64)
            squared[again], indices[again] = self._rerank(rows[again], exact)
        return squared.sqrt(), indices

    def _candidates(self, rows: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Nearest references by matrix product, (b, c), and the largest value kept, (b,)."""
        queries = self._centered(rows, dtype)
        query_norms = queries.square().sum(dim=1, keepdim=True)
        # A last column of ones times the norms adds them inside the product: one pass less.
        queries = torch.cat([-2.0 * queries, torch.ones_like(query_norms)], dim=1)
        best = queries.new_full((len(rows), 0), math.inf)
        index = rows.new_zeros((len(rows), 0))
        for start, block in self._reference_blocks(dtype):
            squared = queries @ block.T  # (b, r), without the query's own norm
            own = (rows >= start) & (rows < start + len(block))
            squared[own.nonzero().squeeze(1), rows[own] - start] = math.inf
            values, columns = _smallest(squared, self.n_candidates)
            best, order = _smallest(torch.cat([best, values], dim=1), self.n_candidates)
            index = torch.cat([index, columns + start], dim=1).gather(1, order)
        return index, (best.amax(dim=1) + query_norms.squeeze(1)).double()

    def _rerank(self, rows: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances (b, k) from float64 differences, ascending, with their indices."""
        parts = []
        blocks = (torch.split(t, self.rerank_rows) for t in (rows, candidates))
        for some, near in zip(*blocks, strict=True):
            difference = self.references[near].double()  # (b, c, p)
            difference -= self.references[some].double()[:, None, :]
            parts.append(torch.linalg.vector_norm(difference, dim=2).square())
        squared, order = torch.cat(parts).sort(dim=1)
        return squared[:, : self.k], candidates.gather(1, order)[:, : self.k]

    def _rounding(self, rows: Tensor, squared: Tensor) -> Tensor:
        """Bound the float32 error of a squared distance below ``squared``; (b,).

        A reference within the k-th distance has a norm of at most the query's plus that.
        """
        norm: Tensor = torch.linalg.vector_norm(self._centered(rows, torch.float64), dim=1)
        scale = norm.square() + (norm + squared.sqrt()).square()
        return scale * torch.finfo(torch.float32).eps * (4.0 + math.sqrt(len(self.center)))

    def _reference_blocks(self, dtype: torch.dtype) -> Iterator[tuple[int, Tensor]]:
        for start in range(0, len(self.references), self.reference_rows):
            block = self.references[start : start + self.reference_rows]
            centered = (block - self.center).to(dtype)
            yield start, torch.cat([centered, centered.square().sum(dim=1, keepdim=True)], dim=1)

    def _centered(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        return (self.references[rows] - self.center).to(dtype)


def _smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest values of each row, or all of them, with their columns."""
    count = min(count, values.shape[1])
    smallest = torch.topk(values, count, dim=1, largest=False, sorted=False)
    return smallest.values, smallest.indices
