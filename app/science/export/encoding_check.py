"""Checks whether an encoding that came from a file is sound."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.science.encoding.apply import on_polygon
from app.science.encoding.encoding import (
    FORMAT,
    MAX_KNOTS,
    CategoricalColumn,
    Encoding,
    NumericColumn,
    from_json,
)
from app.science.export.errors import PackageError

MAX_COLUMNS = 1 << 16

_NUMBERS = ("fill", "center", "scale", "low", "high")
_NUMERIC = {"kind", "name", "source", "missing_flag", *_NUMBERS}
_POLYGON = {"knots", "values"}
_CATEGORICAL = {"kind", "name", "levels", "table"}


def parse(part: str, document: Mapping[str, Any], tensors: Mapping[str, Any]) -> Encoding:
    """The encoding in a parsed ``preprocess.json``.

    Raises
    ------
    PackageError
        Another version, or a column with a field too many, missing, or of another type.
    """
    if document.get("format") != FORMAT:
        found = document.get("format")
        raise PackageError(part, f"format is {found!r:.40}, this reader knows {FORMAT!r}")
    entries = document.get("columns")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_COLUMNS:
        raise PackageError(part, f"wanted are 1 to {MAX_COLUMNS} columns")
    for index, entry in enumerate(entries):
        if not (_is_numeric(entry) or _is_categorical(entry, tensors)):
            raise PackageError(part, f"column {index} is malformed")
    encoding = from_json(document, tensors)
    if len({column.name for column in encoding.columns}) < len(sources(encoding)):
        raise PackageError(part, "one column is read in two ways, as a number and as a level")
    for column in encoding.columns:
        if isinstance(column, CategoricalColumn):
            _check_table(part, column)
    return encoding


def sources(encoding: Encoding) -> set[tuple[str, str]]:
    """Every column's name with how its cells are read: number, datetime or level."""
    return {
        (column.name, column.source if isinstance(column, NumericColumn) else "level")
        for column in encoding.columns
    }


def _is_numeric(entry: object) -> bool:
    if not isinstance(entry, dict) or not set(entry) >= _NUMERIC or entry["kind"] != "numeric":
        return False
    more = set(entry) - _NUMERIC
    return (
        _are_finite([entry[name] for name in _NUMBERS])
        and (not more or (more == _POLYGON and _is_polygon(entry)))
        and entry["scale"] != 0
        and entry["source"] in ("number", "datetime")
        and isinstance(entry["name"], str)
        and isinstance(entry["missing_flag"], bool)
    )


def _are_finite(numbers: list[Any]) -> bool:
    return all(type(value) in {int, float} and math.isfinite(value) for value in numbers)


def _is_polygon(entry: dict[str, Any]) -> bool:
    """Knots that ascend, values that do not fall, and a finite result wherever z may lie."""
    knots, values = entry["knots"], entry["values"]
    if not isinstance(knots, list) or not isinstance(values, list):
        return False
    if not 2 <= len(knots) == len(values) <= MAX_KNOTS or not _are_finite([*knots, *values]):
        return False
    x, y = (np.array(numbers, dtype=np.float64) for numbers in (knots, values))
    ends = np.array([entry["low"], *knots, entry["high"]], dtype=np.float64)
    with np.errstate(all="ignore"):  # an overflow shows in the result
        ascends = (np.diff(x) > 0.0).all() and (np.diff(y) >= 0.0).all()
        return bool(ascends and np.isfinite(on_polygon(ends, tuple(x), tuple(y))).all())


def _is_categorical(entry: object, tensors: Mapping[str, Any]) -> bool:
    if not isinstance(entry, dict) or set(entry) != _CATEGORICAL or entry["kind"] != "categorical":
        return False
    levels = entry["levels"]
    return (
        isinstance(levels, list)
        and all(isinstance(value, str) for value in (entry["name"], entry["table"], *levels))
        and entry["table"] in tensors
    )


def _check_table(part: str, column: CategoricalColumn) -> None:
    shape, n_levels = column.table.shape, len(column.levels)
    if len(shape) != 2 or shape[0] != n_levels + 2 or len(set(column.levels)) < n_levels:
        problem = f"column {column.name!r:.60}: {n_levels} levels and a table of shape {shape}"
        raise PackageError(part, problem)
