"""Exact nearest neighbors, computed once and shared by every estimator.

What every estimator sees: distances, indices, and the points for those that need directions.
The search itself is in ``search``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.duplicates import first_occurrences
from app.science.intrinsic_dimension.search import MEMORY_BYTES, Search

Progress = Callable[[float], None]
"""Called with the finished share of the work, in [0, 1]."""


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
    points : (n, p), the input itself; None where only distances are known
    """

    distances: Tensor
    indices: Tensor
    query_rows: Tensor
    n_references: int
    n_duplicates: int = 0
    points: Tensor | None = None

    def __post_init__(self) -> None:
        if not bool(torch.isfinite(self.distances).all() and (self.distances > 0).all()):
            raise DegenerateDistances("distances must be finite and positive")


def exact_neighbors(  # noqa: PLR0913 - each is an option with a default
    points: Tensor,
    k: int,
    *,
    queries: int | None = None,
    seed: int = 0,
    distinct: bool = False,
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
    distinct : the caller vouches that the points are finite and no two rows are equal
    memory_bytes : working memory beside ``points`` and the result

    Raises
    ------
    TooFewRows
        There are not more than ``k`` distinct rows.
    DegenerateDistances
        The points hold NaN or infinities.
    """
    kept = torch.arange(len(points), device=points.device)
    if not distinct:
        if not bool(torch.isfinite(points).all()):
            raise DegenerateDistances("points must be finite")
        kept = first_occurrences(points)
    if len(kept) <= k:
        raise TooFewRows(needed=k + 1, got=len(kept))
    references = points if len(kept) == len(points) else points[kept]
    chosen = _choose(len(kept), queries, seed).to(points.device)
    distances, indices = Search(references, k, memory_bytes).run(chosen, progress or _ignore)
    return Neighbors(
        distances=distances,
        indices=kept[indices],
        query_rows=kept[chosen],
        n_references=len(kept),
        n_duplicates=len(points) - len(kept),
        points=points,
    )


def _choose(n: int, queries: int | None, seed: int) -> Tensor:
    """Draw query rows; (q,) int64, ascending."""
    if queries is None or queries >= n:
        return torch.arange(n)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(n, generator=generator)[:queries].sort().values


def _ignore(_share: float) -> None:
    """No one asked for progress."""
