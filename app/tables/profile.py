"""What a table looks like, column by column, as plain JSON without NaN."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.tables.canonical import whole
from app.tables.media import DIGEST_BYTES, kind_of
from app.tables.schema import ColumnSchema, Storage

N_BINS = 20
N_TOP = 10
DISTINCT_CAP = 10_000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MORE = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(29)


def profile(table: pa.Table, schema: Sequence[ColumnSchema]) -> dict[str, Any]:
    """Counts, spreads and top levels per column, and the repeated rows of the table."""
    columns: list[dict[str, Any]] = []
    row_keys = np.zeros(table.num_rows, dtype=np.uint64)
    for column in schema:
        array = whole(table, column.name)
        row_keys = _mixed(row_keys, _codes(array))
        columns.append(_column(array, column))
    return {
        "n_rows": table.num_rows,
        "n_columns": len(columns),
        "n_duplicate_rows": table.num_rows - len(np.unique(row_keys)),
        "constant_columns": [column.name for column in schema if column.type == "constant"],
        "empty_columns": [column.name for column in schema if column.type == "empty"],
        "columns": columns,
    }


def _column(array: pa.Array, column: ColumnSchema) -> dict[str, Any]:
    keys = _keys(array)
    n_distinct = int(pc.count_distinct(keys, mode="only_valid").as_py())
    entry: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "reason": column.reason,
        "n": len(array) - array.null_count,
        "n_missing": array.null_count,
        "n_distinct": min(n_distinct, DISTINCT_CAP),
        "is_distinct_capped": n_distinct > DISTINCT_CAP,
    }
    present = array.drop_null()
    if not len(present):
        return entry
    return {**entry, **_DETAILS[column.storage](present)}


def _keys(array: pa.Array) -> pa.Array:
    """Equal where the cells are."""
    if kind_of(array.type) is not None:
        return pc.struct_field(array, "digest")
    return array.indices if pa.types.is_dictionary(array.type) else array


def _numbers(present: pa.Array) -> dict[str, Any]:
    values = present.to_numpy(zero_copy_only=False)
    return {**_spread(values), "histogram": _histogram(values)}


def _instants(present: pa.Array) -> dict[str, Any]:
    first, last = pc.min(present).as_py(), pc.max(present).as_py()
    return {"min": first.isoformat(), "max": last.isoformat()}


def _levels(present: pa.DictionaryArray) -> dict[str, Any]:
    return {"top": _top(present)}


def _points(present: pa.StructArray) -> dict[str, Any]:
    return {
        "dim": pc.struct_field(present, "dim")[0].as_py(),
        "n_points": _spread(_side(present, "n_points")),
    }


def _side(present: pa.StructArray, name: str) -> NDArray[np.float64]:
    numbers = pc.struct_field(present, name).cast(pa.float64())
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def _images(present: pa.StructArray) -> dict[str, Any]:
    """Spread of heights and widths in pixels, the most frequent sizes, and the color modes."""
    height, width, mode = (pc.struct_field(present, name) for name in ("height", "width", "mode"))
    names = pc.binary_join_element_wise(height.cast(pa.string()), width.cast(pa.string()), "x")
    return {
        "height": _spread(_side(present, "height")),
        "width": _spread(_side(present, "width")),
        "sizes": _top(names.dictionary_encode()),
        "modes": _top(mode.dictionary_encode()),
    }


_DETAILS: dict[Storage, Callable[[pa.Array], dict[str, Any]]] = {
    "number": _numbers,
    "datetime": _instants,
    "string": _levels,
    "image": _images,
    "points": _points,
}


def _spread(values: NDArray[np.float64]) -> dict[str, Any]:
    """Moments of values / scale, scaled back, so that 1e300 squared does not overflow."""
    scale = float(np.abs(values).max()) or 1.0
    scaled = values / scale
    levels = np.quantile(scaled, QUANTILES)
    return {
        "min": _finite(values.min()),
        "max": _finite(values.max()),
        "mean": _finite(float(scaled.mean()) * scale),
        "sd": _finite(float(scaled.std(ddof=1)) * scale) if len(values) > 1 else None,
        "quantiles": {
            f"{share:g}": _finite(float(level) * scale)
            for share, level in zip(QUANTILES, levels, strict=True)
        },
    }


def _histogram(values: NDArray[np.float64]) -> dict[str, Any]:
    scale = float(np.abs(values).max()) or 1.0
    counts, edges = np.histogram(values / scale, bins=N_BINS)
    return {
        "edges": [_finite(float(edge) * scale) for edge in edges],
        "counts": [int(count) for count in counts],
    }


def _top(present: pa.DictionaryArray) -> list[dict[str, Any]]:
    counts = np.bincount(
        present.indices.to_numpy(zero_copy_only=False), minlength=len(present.dictionary)
    )
    order = np.argsort(-counts, kind="stable")[:N_TOP]
    return [
        {"level": present.dictionary[int(place)].as_py(), "count": int(counts[place])}
        for place in order
    ]


def _codes(array: pa.Array) -> NDArray[np.uint64]:
    """(n,) equal for equal cells of one column; missing cells are equal to each other."""
    if pa.types.is_dictionary(array.type):
        codes = pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False)
        return np.asarray(codes, dtype=np.int64).view(np.uint64)
    if kind_of(array.type) is not None:
        digests = pc.fill_null(_keys(array), bytes(DIGEST_BYTES)).to_numpy(zero_copy_only=False)
        return np.frombuffer(b"".join(digests), dtype=np.uint64)[:: DIGEST_BYTES // 8]
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
        filled = pc.fill_null(array, np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
        return np.array(filled, dtype=np.int64).view(np.uint64)
    values = np.array(array.to_numpy(zero_copy_only=False), dtype=np.float64)
    return values.view(np.uint64)


def _mixed(keys: NDArray[np.uint64], codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit hash of all columns so far; unsigned products wrap around on purpose."""
    mixed = (keys ^ (codes + _MIX)) * _MORE
    mixed ^= mixed >> _SHIFT
    return mixed * _MIX


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
