"""Images and point sets of a stored table, block by block, within a memory budget."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.science.images.decode import resized
from app.tables.images import decode
from app.tables.limits import MIB
from app.tables.media import MEDIA_FILE
from app.tables.threads import in_order, new_pool

READ_ROWS = 256
READ_BYTES = 16 * MIB

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """``rows`` : (b,) places in the table; ``pixels`` : (b, h, w, c) uint8."""

    rows: Rows
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PointBlock:
    """``rows`` : (b,) places in the table; row i has ``points[offsets[i] : offsets[i + 1]]``.

    Parameters
    ----------
    points : (all points, dim) float32
    offsets : (b + 1,)
    """

    rows: Rows
    points: NDArray[np.float32]
    offsets: NDArray[np.int64]


def image_blocks(
    folder: Path,
    column: str,
    size: tuple[int, int],
    *,
    channels: int,
    max_bytes: int,
    rows: Rows | None = None,
) -> Iterator[ImageBlock]:
    """The images of ``column`` in the order of the table; rows without an image are left out.

    Each is stretched to ``size`` with a filter that averages where it shrinks (bilinear), so the
    aspect ratio is lost. Memory: ``max_bytes`` for the block, and beside it some 16 MiB of
    encoded images, held up to four times, and one decoded image a thread.

    Parameters
    ----------
    size : height and width
    channels : 1 (grey; color is weighed as in ITU-R 601) or 3 (grey is repeated)
    max_bytes : of one block's pixels; a block holds one image at least
    rows : only these, ascending
    """
    height, width = size
    capacity = max(1, max_bytes // (height * width * channels))
    places: list[int] = []
    pixels = np.empty((0, height, width, channels), dtype=np.uint8)

    def load(cell: pa.Scalar) -> NDArray[np.uint8]:
        return resized(decode(cell.as_py()), height, width, channels)

    with new_pool() as pool:
        for found, cells in _cells(folder, column, rows):
            for row, loaded in zip(found.tolist(), in_order(pool, load, cells), strict=True):
                if not places:
                    pixels = np.empty((capacity, height, width, channels), dtype=np.uint8)
                pixels[len(places)] = loaded
                places.append(row)
                if len(places) == capacity:
                    yield ImageBlock(np.array(places, dtype=np.int64), pixels)
                    places = []
    if places:
        yield ImageBlock(np.array(places, dtype=np.int64), pixels[: len(places)])


def point_blocks(
    folder: Path, column: str, *, max_bytes: int, rows: Rows | None = None
) -> Iterator[PointBlock]:
    """The point sets of ``column`` in the order of the table, missing ones left out.

    Parameters
    ----------
    max_bytes : of one block's points; a block holds one set at least
    rows : only these, ascending
    """
    places: list[int] = []
    sets: list[NDArray[np.float32]] = []
    n_bytes = 0
    for found, cells in _cells(folder, column, rows):
        for row, cell in zip(found.tolist(), cells, strict=True):
            lists = cell.values
            flat = lists.flatten().to_numpy(zero_copy_only=False)
            points: NDArray[np.float32] = flat.reshape(len(lists), -1)
            n_bytes += points.nbytes
            if sets and n_bytes > max_bytes:
                yield _points(places, sets)
                places, sets, n_bytes = [], [], points.nbytes
            places.append(row)
            sets.append(points)
    if sets:
        yield _points(places, sets)


def _points(places: list[int], sets: list[NDArray[np.float32]]) -> PointBlock:
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in sets])])
    return PointBlock(np.array(places, dtype=np.int64), np.concatenate(sets), offsets)


def _cells(folder: Path, column: str, rows: Rows | None) -> Iterator[tuple[Rows, pa.Array]]:
    """Rows with a value, and their contents."""
    path = folder / MEDIA_FILE
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=MIB) as file:
        row_bytes = path.stat().st_size // max(file.metadata.num_rows, 1) + 1
        n_rows = max(1, min(READ_ROWS, READ_BYTES // row_bytes))
        start = 0
        for batch in file.iter_batches(n_rows, columns=[column], use_threads=False):
            cells = batch.column(0)
            wanted = cells.is_valid().to_numpy(zero_copy_only=False)
            if rows is not None:
                first, last = np.searchsorted(rows, (start, start + len(cells)))
                asked = np.zeros(len(cells), dtype=np.bool_)
                asked[rows[first:last] - start] = True
                wanted = wanted & asked
            if wanted.any():
                yield start + np.flatnonzero(wanted), cells.filter(pa.array(wanted))
            start += len(cells)
