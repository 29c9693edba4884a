"""Rows as people have them, to the columns an encoding reads.

A mapping of columns, a list of dicts, or anything with ``columns`` and ``[name]`` (a data frame).
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.encoding import CategoricalColumn, Columns, Encoding, NumericColumn
from app.science.export import cells
from app.science.export.errors import InvalidRows

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Any


def read(encoding: Encoding, rows: Rows) -> tuple[dict[str, NDArray[Any]], int]:
    """The encoding's columns and the number of rows; columns it does not know are ignored.

    Raises
    ------
    InvalidRows
        A column is missing or of another length, or a cell of it has no meaning.
    """
    table = _by_column(rows, encoding)
    result: dict[str, NDArray[Any]] = {}
    for column in encoding.columns:
        if column.name in result:
            continue
        if column.name not in table:
            raise InvalidRows(_missing(column.name, table))
        raw = _array(column.name, table[column.name])
        result[column.name] = (
            _numeric(column, raw)
            if isinstance(column, NumericColumn)
            else _levels(levels_of(encoding, column.name), raw)
        )
    lengths = {name: len(values) for name, values in result.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidRows(f"columns differ in length: {lengths}")
    return result, next(iter(lengths.values()), 0)


def levels_of(encoding: Encoding, name: str) -> frozenset[str]:
    """Levels of a column over all its encodings; a column may be encoded twice."""
    same = [column for column in encoding.columns if column.name == name]
    found = [column.levels for column in same if isinstance(column, CategoricalColumn)]
    return frozenset().union(*found)


def part(columns: Columns, start: int, stop: int) -> dict[str, NDArray[Any]]:
    """A block of rows."""
    return {name: values[start:stop] for name, values in columns.items()}


def _by_column(rows: Rows, encoding: Encoding) -> Mapping[str, Any]:
    if isinstance(rows, Mapping):
        return rows
    if hasattr(rows, "columns") and hasattr(rows, "__getitem__"):
        wanted = {column.name for column in encoding.columns}
        # The names nobody wants stay as keys, for the hint when one is missing.
        return {str(c): rows[c] if str(c) in wanted else None for c in rows.columns}
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise InvalidRows("rows are a mapping of columns, a list of dicts or a data frame")
    records = list(rows)
    if not all(isinstance(record, Mapping) for record in records):
        raise InvalidRows("a list of rows holds one dict a row")
    found: set[str] = set().union(*records) if records else {c.name for c in encoding.columns}
    return {name: [record.get(name) for record in records] for name in found}


def _missing(name: str, table: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [str(other) for other in table], n=1, cutoff=0.5)
    return f"column {name!r} is missing" + (f"; did you mean {near[0]!r}?" if near else "")


def _array(name: str, values: Any) -> NDArray[Any]:  # noqa: ANN401 - a list, an array, a series
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InvalidRows(f"column {name!r} is a single value, not a sequence of cells")
    if hasattr(values, "dtype"):
        array = np.asarray(values)
    else:  # never let numpy guess: it would write None and NaN as text beside strings
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
    if array.ndim != 1:
        raise InvalidRows(f"column {name!r} has shape {array.shape}, wanted is one cell a row")
    return array


def _numeric(column: NumericColumn, raw: NDArray[Any]) -> NDArray[np.float64]:
    if raw.dtype.kind in "fiub":
        return raw.astype(np.float64)
    if raw.dtype.kind == "O" and set(map(type, raw)) <= {float, int, bool}:
        try:
            return raw.astype(np.float64)
        except OverflowError:
            pass  # the loop names the row
    if raw.dtype.kind == "M" and column.source == "datetime":
        ticks = raw.astype("datetime64[us]").astype(np.int64) / 1e6
        return np.where(np.isnat(raw), np.nan, ticks)
    parse = cells.PARSERS[column.source]
    numbers = np.empty(len(raw))
    for row, cell in enumerate(raw):
        try:
            numbers[row] = np.nan if cells.is_missing(cell) else parse(cell)
        except (ValueError, TypeError, OverflowError):
            kind = "number" if column.source == "number" else "date or time"
            problem = f"row {row} (from 0), column {column.name!r}: {cell!r:.60} is no {kind}"
            raise InvalidRows(problem) from None
    return numbers


def _levels(known: frozenset[str], raw: NDArray[Any]) -> NDArray[np.object_]:
    values = np.empty(len(raw), dtype=object)
    values[:] = [None if cells.is_missing(cell) else cells.level(cell, known) for cell in raw]
    return values
