"""The blocked search for exact neighbors, on the CPU or on a GPU by the same code.

Candidates come from blocked float32 matrix products of centered rows; the distances that
are returned come from float64 differences. Each row is then certified: a neighbor that the
float32 step could have missed sends its row to a float64 search. So far-apart clusters and
common offsets cost time, never digits.

Source: own. The smallest values of a long row are found among groups: the c smallest values
lie in the c groups with the smallest minima, so most of the row is read once and never sorted.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

MEMORY_BYTES = 512 * 2**20
_EXTRA_CANDIDATES = 8
_QUERY_ROWS = 512
_RERANK_BYTES = 4 * 2**20  # stays in a core's cache
_GROUP = 8
_SHORT_ROW = 4  # times the count: rows that are not worth grouping


class Search:
    """One search: the references, their center and the block sizes.

    Parameters
    ----------
    references : (n, p), distinct and finite
    k : neighbors per row, < n
    memory_bytes : working memory beside the references and the result
    """

    def __init__(self, references: Tensor, k: int, memory_bytes: int = MEMORY_BYTES) -> None:
        self.references, self.k = references, k
        n, p = references.shape
        self.center = references.mean(dim=0, dtype=torch.float64)
        self.n_candidates = min(k + _EXTRA_CANDIDATES, n - 1)
        # Half for centered references in float64, as the second pass needs them; a quarter for
        # the products. What is left holds candidates and the re-rank.
        self.reference_rows = max(1, min(n, memory_bytes // 2 // (8 * p)))
        per_query = 8 * max(self.reference_rows + 4 * self.n_candidates, 2 * p)
        self.query_rows = max(1, min(_QUERY_ROWS, memory_bytes // 4 // per_query))
        room = min(_RERANK_BYTES, memory_bytes // 8)
        self.rerank_rows = max(1, room // (8 * self.n_candidates * p))
        self.blocks = _Blocks(references, self.center, self.reference_rows)
        self.products = references.new_empty(0, dtype=torch.float32)

    def run(self, chosen: Tensor, progress: Callable[[float], None]) -> tuple[Tensor, Tensor]:
        """Distances (q, k), ascending, and reference numbers (q, k) of the chosen rows."""
        found = []
        n_done = 0
        for rows in torch.split(chosen, self.query_rows):
            found.append(self._certified(rows))
            n_done += len(rows)
            progress(n_done / len(chosen))
        return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])

    def _certified(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Search in float32, and again in float64 where float32 cannot vouch for the result."""
        candidates, beyond = self._candidates(rows, torch.float32)
        distances, indices = self._rerank(rows, candidates)
        farthest = distances[:, -1].square()
        doubtful = (farthest > beyond - self._rounding(rows, farthest)).nonzero()
        if len(doubtful) and self.n_candidates < len(self.references) - 1:
            again = doubtful.squeeze(1)
            exact, _ = self._candidates(rows[again], torch.float64)
            distances[again], indices[again] = self._rerank(rows[again], exact)
        return distances, indices

    def _candidates(self, rows: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Nearest references by matrix product, (b, c), and the largest value kept, (b,)."""
        queries = (self.references[rows] - self.center).to(dtype)
        best = queries.new_empty((len(rows), 0))
        index = rows.new_empty((len(rows), 0))
        for start, block, norms in self.blocks.of(dtype):
            squared = self._products(queries, block, norms)  # (b, r), without the query's norm
            own = ((rows >= start) & (rows < start + len(block))).nonzero().squeeze(1)
            squared[own, rows[own] - start] = math.inf
            values, columns = smallest(squared, self.n_candidates)
            columns += start
            best, index = torch.cat([best, values], dim=1), torch.cat([index, columns], dim=1)
            if start:
                best, order = smallest(best, self.n_candidates)
                index = index.gather(1, order)
        return index, (best.amax(dim=1) + queries.square().sum(dim=1)).double()

    def _products(self, queries: Tensor, block: Tensor, norms: Tensor) -> Tensor:
        """Norms minus twice the products, (b, r), in one buffer that every block reuses.

        Fresh memory for each block costs the CPU as much time as the product itself.
        """
        if queries.dtype != self.products.dtype:
            return torch.addmm(norms, queries, block.T, alpha=-2.0)
        n_values = len(queries) * len(block)
        if self.products.numel() < n_values:
            self.products = self.products.new_empty(n_values)
        out = self.products[:n_values].view(len(queries), len(block))
        return torch.addmm(norms, queries, block.T, alpha=-2.0, out=out)

    def _rerank(self, rows: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Distances (b, k) from float64 differences, ascending, with their indices."""
        parts = []
        blocks = (torch.split(t, self.rerank_rows) for t in (rows, candidates))
        for some, near in zip(*blocks, strict=True):
            others = self.references.index_select(0, near.reshape(-1)).double()
            own = self.references[some].double()[:, None, :]
            others = others.view(len(some), -1, own.shape[2])  # (b, c, p)
            mode = "donot_use_mm_for_euclid_dist"  # products would lose the digits again
            parts.append(torch.cdist(own, others, compute_mode=mode).squeeze(1))
        distances, order = torch.cat(parts).sort(dim=1)
        return distances[:, : self.k], candidates.gather(1, order)[:, : self.k]

    def _rounding(self, rows: Tensor, squared: Tensor) -> Tensor:
        """Bound the float32 error of a squared distance below ``squared``; (b,).

        A reference within the k-th distance has a norm of at most the query's plus that.
        """
        centered = self.references[rows].double() - self.center
        norm: Tensor = torch.linalg.vector_norm(centered, dim=1)
        scale = norm.square() + (norm + squared.sqrt()).square()
        return scale * torch.finfo(torch.float32).eps * (4.0 + math.sqrt(len(self.center)))


class _Blocks:
    """Centered reference blocks with their squared norms; the first float32 one is kept."""

    def __init__(self, references: Tensor, center: Tensor, n_rows: int) -> None:
        self.references, self.center, self.n_rows = references, center, n_rows
        self.kept: tuple[Tensor, Tensor] | None = None

    def of(self, dtype: torch.dtype) -> Iterator[tuple[int, Tensor, Tensor]]:
        """First row number, centered rows (r, p) and squared norms (r,) of each block."""
        for start in range(0, len(self.references), self.n_rows):
            yield start, *self._block(start, dtype)

    def _block(self, start: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        keep = start == 0 and dtype == torch.float32
        if keep and self.kept is not None:
            return self.kept
        rows = self.references[start : start + self.n_rows]
        centered = torch.empty_like(rows, dtype=dtype)
        for some, out in zip(torch.split(rows, 4096), torch.split(centered, 4096), strict=True):
            out.copy_(some - self.center)
        made = (centered, torch.linalg.vector_norm(centered, dim=1).square())
        if keep:
            self.kept = made
        return made


def smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` smallest values of each row, or all of them, with their columns; unordered.

    Parameters
    ----------
    values : (b, r), without NaN
    """
    b, width = values.shape
    n_groups = width // _GROUP
    if n_groups <= _SHORT_ROW * count // 2:
        some = torch.topk(values, min(count, width), dim=1, largest=False, sorted=False)
        return some.values, some.indices
    grouped = values[:, : n_groups * _GROUP].view(b, _GROUP, n_groups)  # column j is in j mod g
    _, groups = smallest(grouped.amin(dim=1), count)
    inside = grouped.gather(2, groups[:, None, :].expand(b, _GROUP, count)).view(b, -1)
    tail = values[:, n_groups * _GROUP :]
    found, position = smallest(torch.cat([inside, tail], dim=1), count)
    row_of_group, group = position // count, position % count
    columns = row_of_group * n_groups + groups.gather(1, group)
    in_tail = position >= _GROUP * count
    return found, torch.where(in_tail, position - _GROUP * count + n_groups * _GROUP, columns)
