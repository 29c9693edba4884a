"""Rows as people have them, to the body of a prediction."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from app.client.errors import ClientError


def columns_and_rows(rows: Any) -> dict[str, Any]:  # noqa: ANN401  (any data frame)
    """The body for a mapping of columns, a list of dicts or a data frame."""
    if isinstance(rows, Mapping):
        return _from_columns({str(name): list(cells) for name, cells in rows.items()})
    if hasattr(rows, "columns") and hasattr(rows, "__getitem__"):
        return _from_columns({str(name): list(rows[name]) for name in rows.columns})
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        records = list(rows)
        if all(isinstance(record, Mapping) for record in records):
            return {"rows": [{str(k): _cell(v) for k, v in r.items()} for r in records]}
    raise ClientError("rows are a data frame, a mapping of columns or a list of dicts")


def _from_columns(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ClientError(f"columns differ in length: {lengths}")
    records = zip(*columns.values(), strict=True)
    return {"columns": list(columns), "rows": [[_cell(c) for c in record] for record in records]}


def _cell(cell: Any) -> Any:  # noqa: ANN401  (any cell)
    """A cell as JSON: numpy scalars become Python's, NaN and NaT null, dates text."""
    if hasattr(cell, "item"):
        cell = cell.item()
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    return cell if isinstance(cell, str | bool | int) else str(cell)
