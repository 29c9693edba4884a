"""One table cell as a number, a time or a level; ``None`` and NaN stand for a missing one."""

import math
from collections.abc import Callable, Container
from datetime import UTC, date, datetime

import numpy as np

MISSING_TYPES = frozenset({"NAType", "NaTType"})  # pandas' own, known by name only


def is_missing(cell: object) -> bool:
    """None, NaN, NaT, NA or the empty string."""
    if cell is None or type(cell).__name__ in MISSING_TYPES:
        return True
    if isinstance(cell, float | np.floating):
        return math.isnan(cell)
    if isinstance(cell, np.datetime64):
        return bool(np.isnat(cell))
    return isinstance(cell, str) and not cell


def number(cell: object) -> float:
    """The cell as a number, NaN if blank; raises ValueError, TypeError or OverflowError."""
    if isinstance(cell, str) and cell.isspace():
        return math.nan
    if isinstance(cell, str) and "_" in cell:  # float() reads 1_000, no table does
        raise ValueError(cell)
    return float(cell)  # type: ignore[arg-type]  # anything else raises TypeError, as stated


def epoch_seconds(cell: object) -> float:
    """The cell as seconds since 1970-01-01 UTC; a time without a zone is UTC.

    Numbers are taken as seconds already.
    """
    if isinstance(cell, np.datetime64):
        return float(cell.astype("datetime64[us]").astype(np.int64)) / 1e6
    if isinstance(cell, str) and not cell.isspace():
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp()
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC).timestamp()
    return number(cell)


PARSERS: dict[str, Callable[[object], float]] = {"number": number, "datetime": epoch_seconds}


def level(cell: object, known: Container[str]) -> str:
    """The cell's text; ``3.0`` is level "3" and ``True`` is "true" where only those are known.

    A column of whole numbers with a gap arrives as floats from many tools.
    """
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
    if text in known:
        return text
    if isinstance(cell, bool | np.bool_):
        return text.lower()
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return text
