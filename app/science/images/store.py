"""Features of images by row: kept where they fit the memory, computed at every pass elsewhere.

Source: none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.science.errors import ScienceError
from app.science.images.network import Body
from app.science.images.pixels import Images

Ints = NDArray[np.int64]

N_SQUARES = 5
"""Square float64 matrices that a head holds at once: sums, a system, its factor, and sums anew."""


class MemoryTooSmall(ScienceError):
    """The Gram matrix of the features passes the memory budget."""

    def __init__(self, *, needed: int, given: int) -> None:
        self.needed, self.given = needed, given
        super().__init__(
            f"these features need {needed:,} bytes for their Gram matrix alone, {given:,} are"
            " allowed; take fewer filters or cells, or raise memory_bytes"
        )


def squares_bytes(width: int) -> int:
    """What the head's matrices take for that many features."""
    return N_SQUARES * 8 * width**2


def needed_bytes(n_rows: int, width: int) -> int:
    """What keeping the features of all rows takes beside the head's matrices."""
    return squares_bytes(width) + 4 * n_rows * width


@dataclass(frozen=True)
class Store:
    """The first ``len(kept)`` images' features, and the means to compute the others.

    kept : (k, f), float32, k at most n
    """

    body: Body
    images: Images
    kept: Tensor

    def blocks(self, rows: Ints) -> Iterator[tuple[Ints, Tensor]]:
        """Row numbers (b,) and features (b, f) of the rows asked for, kept ones first."""
        near = rows < len(self.kept)
        size = self.body.rows_per_block
        here = rows[near]
        for start in range(0, len(here), size):
            part = here[start : start + size]
            yield part, self.kept[torch.from_numpy(part)]
        yield from self.body.blocks(self.images, rows[~near])


def store(body: Body, images: Images, memory_bytes: int) -> Store:
    """Compute the features of as many images as fit beside the head's matrices.

    Raises
    ------
    MemoryTooSmall
        Not even those matrices fit.
    """
    width = body.width
    squares = squares_bytes(width)
    if squares > memory_bytes:
        raise MemoryTooSmall(needed=squares, given=memory_bytes)
    n_kept = min(len(images), (memory_bytes - squares) // (4 * width))
    kept = torch.empty((n_kept, width))
    for part, block in body.blocks(images, np.arange(n_kept)):
        kept[int(part[0]) : int(part[-1]) + 1] = block
    return Store(body, images, kept)
