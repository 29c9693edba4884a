"""Apply an encoding to columns: numpy alone, the one function that training and serving share."""

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.encoding import CategoricalColumn, Columns, Encoding, NumericColumn
from app.science.errors import ScienceError


class MissingColumn(ScienceError):
    """The encoding reads a column that the table lacks."""

    def __init__(self, *, name: str, present: Iterable[str]) -> None:
        self.name = name
        nearest = difflib.get_close_matches(name, list(present), n=1, cutoff=0.0)
        self.nearest = nearest[0] if nearest else None
        hint = f"; the nearest name present is {self.nearest!r}" if nearest else ""
        super().__init__(f"column {name!r} is missing{hint}")


class WrongColumnType(ScienceError):
    """A column that is a number for the encoding holds something else."""

    def __init__(self, *, name: str) -> None:
        self.name = name
        super().__init__(f"column {name!r} holds text where numbers are wanted")


def transform(encoding: Encoding, columns: Columns) -> NDArray[np.float64]:
    """The network's input for rows of a table; columns the encoding does not know are ignored.

    Parameters
    ----------
    encoding : what training fitted
    columns : name to (n,), one length for all

    Returns
    -------
    NDArray[np.float64]
        (n, p) with p = ``encoding.width``, finite for every input.

    Raises
    ------
    MissingColumn
        A column of the encoding is absent; the error names the nearest present name.
    WrongColumnType
        A numeric column holds text.
    """
    parts = [encoded(column, raw(columns, column.name)) for column in encoding.columns]
    n_rows = {len(part) for part in parts}
    if len(n_rows) > 1:
        raise ScienceError(f"columns differ in length: {sorted(n_rows)}")
    return np.concatenate(parts, axis=1, dtype=np.float64) if parts else np.empty((0, 0))


def origin(encoding: Encoding) -> NDArray[np.float64]:
    """(p,), where a number's own zero lies in the encoded vector; 0 for everything else."""
    parts = []
    for column in encoding.columns:
        if isinstance(column, CategoricalColumn):
            parts.append(np.zeros(column.width))
        else:
            parts.append(_numeric(column, np.zeros(1))[0])
    return np.concatenate(parts)


def raw(columns: Columns, name: str) -> NDArray[Any]:
    """One column of the table, or ``MissingColumn``."""
    if name not in columns:
        raise MissingColumn(name=name, present=columns)
    return columns[name]


def encoded(column: NumericColumn | CategoricalColumn, values: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) to (n, column.width)."""
    if isinstance(column, CategoricalColumn):
        return column.table[level_codes(values, column.levels)]
    return _numeric(column, numbers(column.name, values))


def numbers(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) as float64 with NaN for missing, or ``WrongColumnType``."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise WrongColumnType(name=name) from None


def level_codes(values: NDArray[Any], levels: tuple[str, ...]) -> NDArray[np.int64]:
    """Row of the lookup table for each value, (n,): level, then unknown, then missing."""
    unknown, missing = len(levels), len(levels) + 1
    row: dict[Any, int] = {level: index for index, level in enumerate(levels)}
    row[None] = missing
    codes = (row.get(value, missing if value != value else unknown) for value in values)  # noqa: PLR0124 (NaN)
    return np.fromiter(codes, dtype=np.int64, count=len(values))


def on_polygon(
    z: NDArray[np.float64], knots: tuple[float, ...], values: tuple[float, ...]
) -> NDArray[np.float64]:
    """The polygon through (knots, values), (l,) each, at z of any shape; its end pieces go on."""
    x, y = np.asarray(knots), np.asarray(values)
    piece = np.searchsorted(x[1:-1], z, side="right")
    slopes = np.diff(y) / np.diff(x)
    return np.asarray(y[piece] + slopes[piece] * (z - x[piece]))


def _numeric(column: NumericColumn, values: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = np.isnan(values)
    with np.errstate(over="ignore"):  # an overflow becomes an infinity, and the clip ends it
        z = (np.where(missing, column.fill, values) - column.center) / column.scale
    z = np.clip(z, column.low, column.high)
    if column.knots:
        z = on_polygon(z, column.knots, column.values)
    return np.stack([z, missing], axis=1) if column.missing_flag else z[:, None]
