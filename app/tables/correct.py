"""A column as the user wants it, or a problem that names the first cell that will not go."""

from collections.abc import Callable
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.tables import casts
from app.tables.cells import Cells, without_infinities
from app.tables.guess import Typed
from app.tables.levels import Levels
from app.tables.problem import InvalidTable, Problem, ProblemLog, excerpt

REASON = "chosen by the user"


def correct(name: str, cells: Cells, wish: str, log: ProblemLog) -> Typed | None:
    """Cast ``cells`` to ``wish``; on failure log the problem and return nothing."""
    try:
        if cells.media is not None:
            _fail_whole(name, wish, "images" if cells.media == "image" else "point sets", log)
        return _CASTS[wish](name, cells, log)
    except InvalidTable:
        return None


def _number(name: str, cells: Cells, log: ProblemLog) -> Typed:
    if isinstance(cells.data, Levels):
        levels = cells.data
        bad = casts.not_numbers(levels.values)
        if len(bad):
            _fail(name, "number", levels, bad, log)
        per_level = casts.numbers(levels.values)
        values = levels.spread(np.zeros(0) if per_level is None else per_level, np.nan)
    elif isinstance(cells.data, np.ndarray):
        values = cells.data
    else:
        _fail_whole(name, "number", "dates", log)
    return Typed("number", REASON, Cells(without_infinities(name, values, log)))


def _boolean(name: str, cells: Cells, log: ProblemLog) -> Typed:
    levels = _as_levels(cells)
    mapped, bad = casts.booleans(levels.values)
    if bad is not None:
        missing = pc.is_null(mapped).to_numpy(zero_copy_only=False)
        _fail(name, "boolean", levels, np.flatnonzero(missing), log)
    return Typed("boolean", REASON, Cells(levels.relabel(mapped), is_boolean=True))


def _datetime(name: str, cells: Cells, log: ProblemLog) -> Typed:
    if isinstance(cells.data, np.ndarray):
        _fail_whole(name, "datetime", "numbers", log)
    if not isinstance(cells.data, Levels):
        return Typed("datetime", REASON, cells)
    levels = cells.data
    found = casts.dates(levels.values)
    if found.instants is None and len(levels.values):
        _fail(name, "datetime", levels, np.array([casts.first_bad_date(levels.values)]), log)
    instants = pa.array([], casts.INSTANT) if found.instants is None else found.instants
    rows = pa.array(levels.codes, mask=levels.codes < 0)
    return Typed("datetime", REASON, Cells(instants.take(rows)))


def _categorical(_name: str, cells: Cells, _log: ProblemLog) -> Typed:
    return Typed("categorical", REASON, Cells(_as_levels(cells)))


def _text(_name: str, cells: Cells, _log: ProblemLog) -> Typed:
    return Typed("text", REASON, Cells(_as_levels(cells)))


def _identifier(_name: str, cells: Cells, _log: ProblemLog) -> Typed:
    return Typed("identifier", REASON, cells)


_CASTS: dict[str, Callable[[str, Cells, ProblemLog], Typed]] = {
    "number": _number,
    "boolean": _boolean,
    "datetime": _datetime,
    "categorical": _categorical,
    "text": _text,
    "identifier": _identifier,
}


def _as_levels(cells: Cells) -> Levels:
    if isinstance(cells.data, Levels):
        return cells.data
    if not isinstance(cells.data, np.ndarray):
        encoded = cells.data.dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        return Levels(encoded.dictionary.cast(pa.string()), codes)
    distinct, inverse = np.unique(cells.data, return_inverse=True)
    if len(distinct) and np.isnan(distinct[-1]):
        distinct = distinct[:-1]
        inverse = np.where(inverse == len(distinct), -1, inverse)
    names = [_shortest(value) for value in distinct.tolist()]
    return Levels(pa.array(names, pa.string()), inverse.astype(np.int32))


def _shortest(value: float) -> str:
    """3 for 3.0, else the shortest text that reads back as the same number."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _fail(
    name: str, wish: str, levels: Levels, bad: NDArray[np.int64], log: ProblemLog
) -> NoReturn:
    row = min(levels.first_row(int(level)) for level in bad[:1000])
    value = excerpt(levels.values[int(levels.codes[row - 1])].as_py())
    count = int(levels.counts()[bad].sum())
    log.fail(
        Problem(
            "cannot_cast",
            f"Column {excerpt(name)!r} was to be {wish}, but row {row} holds {value!r}.",
            f"Correct the cell or leave it empty, or choose another type ({count} cells so far).",
            row=row,
            column=name,
            count=count,
            value_excerpt=value,
        )
    )


def _fail_whole(name: str, wish: str, what: str, log: ProblemLog) -> NoReturn:
    log.fail(
        Problem(
            "cannot_cast",
            f"Column {excerpt(name)!r} was to be {wish}, but it holds {what}.",
            "Convert it in the file, or choose another type.",
            row=1,
            column=name,
        )
    )
