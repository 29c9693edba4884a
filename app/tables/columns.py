"""Columns as the encoding wants them: float64 with NaN, or object arrays of ``str | None``."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.tables.canonical import whole
from app.tables.schema import ColumnSchema, Storage

Role = Literal["number", "datetime", "categorical"]
ROLES: dict[Storage, Role] = {
    "number": "number",
    "datetime": "datetime",
    "string": "categorical",
}
MICROSECONDS = 1e6


def to_columns(
    table: pa.Table, schema: Sequence[ColumnSchema], names: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, Role]]:
    """Arrays (n,) and roles of ``names``, in that order; an unknown name raises ``KeyError``.

    A datetime is float64 seconds since 1970-01-01 UTC.
    """
    known = {column.name: column for column in schema}
    columns: dict[str, NDArray[Any]] = {}
    roles: dict[str, Role] = {}
    for name in names:
        role = ROLES[known[name].storage]
        columns[name] = _array(whole(table, name), role)
        roles[name] = role
    return columns, roles


def _array(column: pa.Array, role: Role) -> NDArray[Any]:
    if role == "categorical":
        levels: NDArray[Any] = np.array([*column.dictionary.to_pylist(), None], dtype=object)
        codes = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
        spread: NDArray[Any] = levels[codes]
        return spread
    if role == "number":
        return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    ticks = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    return np.where(missing, np.nan, ticks / MICROSECONDS)
