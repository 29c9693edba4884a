"""Whether features of all images are kept, or computed again at every pass.

Source: none.
"""

import numpy as np

from app.science.convex_heads import Single, squares_bytes
from app.science.errors import ScienceError
from app.science.images.network import Body
from app.science.images.pixels import Images


class MemoryTooSmall(ScienceError):
    """The Gram matrix of the features passes the memory budget."""

    def __init__(self, *, needed: int, given: int) -> None:
        self.needed, self.given = needed, given
        super().__init__(
            f"these features need {needed:,} bytes for their Gram matrix alone, {given:,} are"
            " allowed; take fewer filters or cells, or raise memory_bytes"
        )


def needed_bytes(n_rows: int, width: int) -> int:
    """What keeping the features of all rows takes beside the heads' matrices."""
    return squares_bytes(width) + 4 * n_rows * width


def check(width: int, memory_bytes: int) -> None:
    """Refuse features whose matrices alone do not fit.

    Raises
    ------
    MemoryTooSmall
    """
    squares = squares_bytes(width)
    if squares > memory_bytes:
        raise MemoryTooSmall(needed=squares, given=memory_bytes)


def kept(body: Body, images: Images) -> Single:
    """(n, f), float32."""
    found = np.empty((len(images), body.width), np.float32)
    for rows, block in body.blocks(images, np.arange(len(images))):
        found[rows] = block.numpy()
    return found
