"""Sorting by a fixed list of comparisons, so that it is a ReLU network.

Source: Batcher 1968, doi:10.1145/1468075.1468121 (odd-even merge sort, O(k log^2 k) comparators);
Sannai, Imaizumi and Kawano 2021, Proposition 2 (sorting is the quotient map of the symmetric
group).
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from app.science.linalg import Floats

Comparator = tuple[int, int]
"""Positions (low, high): afterwards the larger value lies at ``low``."""


@lru_cache(maxsize=64)
def layers(k: int) -> tuple[tuple[Comparator, ...], ...]:
    """Layers of disjoint comparators that sort k values in descending order."""
    found: list[list[Comparator]] = []
    busy = [0] * k
    for low, high in _comparators(k):
        at = max(busy[low], busy[high])
        if at == len(found):
            found.append([])
        found[at].append((low, high))
        busy[low] = busy[high] = at + 1
    return tuple(tuple(layer) for layer in found)


def _comparators(k: int) -> Iterator[Comparator]:
    """Batcher's exchange method for any k (Knuth, volume 3, algorithm 5.2.2M)."""
    top = 1 << max(0, (k - 1).bit_length() - 1) if k > 1 else 0
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            yield from ((i, i + d) for i in range(k - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1


def descending(values: Floats) -> Floats:
    """Sort each row of (n, k), the largest first."""
    return np.asarray(np.sort(values, axis=1)[:, ::-1])
