"""One point set: finite, not too large, of the same dimension as its neighbors in the column."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.tables.finding import Finding
from app.tables.limits import Limits
from app.tables.media import DIGEST_BYTES, MAX_POINT_DIM

RAGGED = Finding(
    "ragged_points", "holds points of different or missing lengths", "Give each the same length."
)


@dataclass(frozen=True, slots=True)
class CheckedPoints:
    """A usable point set. ``points`` : (n_points, dim) float32."""

    points: NDArray[np.float32]
    digest: bytes


def check_points(cell: NDArray[Any], limits: Limits, dim: int | None) -> CheckedPoints | Finding:
    """The points of ``cell``, (n_points, dim) of any numbers; the finding says what is wrong.

    ``dim`` is that of the column so far, None at its first row.
    """
    n_points, width = cell.shape
    if not 1 <= n_points <= limits.max_points:
        what = f"holds {n_points} points; wanted 1 to {limits.max_points}"
        return Finding("number_of_points", what, "Draw a sample of the points.")
    wanted = dim or width
    if width != wanted or width > MAX_POINT_DIM:
        what = f"holds points of {width} numbers; wanted {min(wanted, MAX_POINT_DIM)}"
        return Finding("point_dimension", what, "Give each point the same numbers.")
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite and found below
        points = np.ascontiguousarray(cell, dtype=np.float32)
    if not np.isfinite(points).all():
        what = "holds a coordinate that is missing, infinite or beyond float32"
        return Finding("broken_points", what, "Drop the point or correct it.")
    digest = hashlib.blake2b(f"{points.shape}\n".encode(), digest_size=DIGEST_BYTES)
    digest.update((points + np.float32(0)).astype("<f4").tobytes())  # -0.0 becomes 0.0
    return CheckedPoints(points, digest.digest())


def from_lists(column: pa.Array) -> Iterator[NDArray[Any] | Finding | None]:
    """Each row of a column of lists of lists as (n_points, dim), nothing where it is null."""
    for cell in column:
        yield _from_lists(cell.values) if cell.is_valid else None


def _from_lists(rows: pa.Array) -> NDArray[Any] | Finding:
    lengths = pc.list_value_length(rows)
    if rows.null_count or pc.count_distinct(lengths).as_py() > 1 or not len(rows):
        return RAGGED
    numbers = rows.flatten().cast(pa.float64(), safe=False)
    flat: NDArray[Any] = numbers.to_numpy(zero_copy_only=False)
    return flat.reshape(len(rows), -1) if len(flat) else RAGGED
