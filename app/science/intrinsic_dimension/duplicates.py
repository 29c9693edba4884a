"""Exact duplicate rows, found by a hash of their bits and confirmed by comparison."""

import torch
from torch import Tensor

_HASH_SEED = 0x1D
_BLOCK_ELEMENTS = 4_000_000


def first_occurrences(points: Tensor) -> Tensor:
    """Row numbers that remain when every exact duplicate of an earlier row is dropped.

    Parameters
    ----------
    points : (n, p), finite

    Returns
    -------
    Tensor
        (m,) int64, ascending, m <= n.
    """
    keys, order = _row_keys(points).sort(stable=True)  # equal keys stay in row order
    same_key = torch.zeros(len(keys), dtype=torch.bool, device=points.device)
    same_key[1:] = keys[1:] == keys[:-1]
    run_start = torch.where(same_key, 0, torch.arange(len(keys), device=points.device))
    first = order[run_start.cummax(dim=0).values]
    # Keys may collide, so only rows that truly equal the first of their run are dropped.
    suspects = same_key.nonzero().squeeze(1)
    equal = _rows_equal(points, order[suspects], first[suspects])
    keep = torch.ones(len(points), dtype=torch.bool, device=points.device)
    keep[order[suspects[equal]]] = False
    return keep.nonzero().squeeze(1)


def _row_keys(points: Tensor) -> Tensor:
    """Hash each row to 64 bits; (n,) int64."""
    generator = torch.Generator().manual_seed(_HASH_SEED)
    odd = torch.randint(-(2**62), 2**62, (points.shape[1],), generator=generator) * 2 + 1
    odd = odd.to(points.device)
    keys = []
    for block in torch.split(points, _block_rows(points)):
        bits = (block.double() + 0.0).view(torch.int64)  # -0.0 becomes 0.0
        # Round numbers have zero low bits; fold the high half down before multiplying.
        mixed = (bits ^ (bits >> 32)) * odd
        keys.append((mixed ^ (mixed >> 29)).sum(dim=1))
    return torch.cat(keys)


def _rows_equal(points: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Compare pairs of rows; (len(left),) bool."""
    rows = _block_rows(points)
    pairs = zip(torch.split(left, rows), torch.split(right, rows), strict=True)
    return torch.cat([(points[a] == points[b]).all(dim=1) for a, b in pairs])


def _block_rows(points: Tensor) -> int:
    return max(1, _BLOCK_ELEMENTS // max(1, points.shape[1]))
