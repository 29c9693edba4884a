"""The type of a column from its values, or as the user wants it, and the reason in a sentence."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.tables import casts
from app.tables.cells import Cells, without_infinities
from app.tables.levels import Levels
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.schema import ColumnType

ID_NAME = re.compile(
    r"(^|[ _.-])(id|uuid|guid|key|index)$|^(unnamed: 0|rownames?|row_?id)$|__index_"
)
CAMEL_ID = re.compile(r"[a-z]I[Dd]$")
MIN_ROWS_FOR_SHARES = 20
MOSTLY = 0.9
TEXT_MEAN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Typed:
    """A column whose type is settled."""

    type: ColumnType
    reason: str
    cells: Cells


def guess(name: str, cells: Cells, log: ProblemLog, *, from_text: bool) -> Typed:
    """Choose a type. ``from_text``: the file has no types of its own, so text may be numbers."""
    reason = "stored so in the file"
    if isinstance(cells.data, Levels) and len(cells.data.values) and not cells.is_boolean:
        parsed = _parse(name, cells.data, log, from_text=from_text)
        if parsed is None:
            return _guess_levels(name, cells.data)
        reason, cells = parsed
    if isinstance(cells.data, Levels):
        return _one_or("boolean", len(cells.data.values), reason, cells)
    if isinstance(cells.data, np.ndarray):
        return _guess_numbers(name, cells.data, reason, log)
    return _guess_array(cells, reason)


def _parse(
    name: str, levels: Levels, log: ProblemLog, *, from_text: bool
) -> tuple[str, Cells] | None:
    if from_text:
        values = _numbers(name, levels, log)
        if values is not None:
            return "every value is a number", Cells(levels.spread(values, np.nan))
    if {text.lower() for text in levels.values[:3].to_pylist()} <= {"true", "false"}:
        mapped, bad = casts.booleans(levels.values)
        if bad is None:
            return "every value is true or false", Cells(levels.relabel(mapped), is_boolean=True)
    found = casts.dates(levels.values)
    if found.is_ambiguous:
        _warn_ambiguous(name, levels, log)
    if found.instants is None:
        return None
    return "every value is a date", Cells(_spread_instants(levels, found.instants))


def _numbers(name: str, levels: Levels, log: ProblemLog) -> NDArray[np.float64] | None:
    values = casts.numbers(levels.values)
    if values is None:
        _warn_mostly_numbers(name, levels, log)
        return None
    codes = casts.has_leading_zeros(levels.values) or casts.has_inexact_integers(levels.values)
    return None if codes else values


def _guess_numbers(name: str, numbers: NDArray[np.float64], reason: str, log: ProblemLog) -> Typed:
    values = without_infinities(name, numbers, log)
    present = values[~np.isnan(values)]
    clean = Cells(values)
    if not len(present) or present.min() == present.max():
        return _one_or("number", min(len(present), 1), reason, clean)
    if _is_id_name(name) and _all_distinct_integers(present, len(values)):
        return Typed("identifier", "distinct integers under the name of an identifier", clean)
    return Typed("number", reason, clean)


def _guess_array(cells: Cells, reason: str) -> Typed:
    if cells.media is not None:
        return Typed(cells.media, reason, cells)
    n_distinct = pc.count_distinct(cells.data, mode="only_valid").as_py()
    return _one_or("datetime", n_distinct, reason, cells)


def _guess_levels(name: str, levels: Levels) -> Typed:
    """Text: one value, free text, names of rows, or categories."""
    cells = Cells(levels)
    n_distinct, n_present = len(levels.values), int(np.count_nonzero(levels.codes >= 0))
    if n_distinct == 1:
        return _one_or("categorical", 1, "", cells)
    share = n_distinct / n_present
    counted = f"{n_distinct} distinct values in {n_present} rows"
    if n_present >= MIN_ROWS_FOR_SHARES and share > 0.5:
        if pc.mean(pc.utf8_length(levels.values)).as_py() > TEXT_MEAN_CHARS:
            return Typed("text", f"long text, {counted}", cells)
        if share > 0.95 or _is_id_name(name):
            return Typed("identifier", f"nearly every row has its own value: {counted}", cells)
    return Typed("categorical", f"text with {counted}", cells)


def _one_or(kind: ColumnType, n_distinct: int, reason: str, cells: Cells) -> Typed:
    """Empty columns are stored as text, so that they are equal whatever type they had."""
    if n_distinct == 0:
        codes = np.full(cells.n_rows, -1, dtype=np.int32)
        nothing = Cells(Levels(pa.array([], pa.string()), codes))
        return Typed("empty", "no cell has a value", nothing)
    if n_distinct == 1:
        return Typed("constant", "all values are equal", cells)
    return Typed(kind, reason, cells)


def _spread_instants(levels: Levels, instants: pa.Array) -> pa.Array:
    return instants.take(pa.array(levels.codes, mask=levels.codes < 0))


def _is_id_name(name: str) -> bool:
    return bool(ID_NAME.search(name.lower()) or CAMEL_ID.search(name))


def _all_distinct_integers(present: NDArray[np.float64], n_rows: int) -> bool:
    if len(present) < n_rows or not np.array_equal(present, np.floor(present)):
        return False
    return len(np.unique(present)) == n_rows


def _warn_mostly_numbers(name: str, levels: Levels, log: ProblemLog) -> None:
    bad = casts.not_numbers(levels.values)
    counts = levels.counts()
    n_bad = int(counts[bad].sum())
    n_present = int(counts.sum())
    if n_present < MIN_ROWS_FOR_SHARES or n_bad > (1 - MOSTLY) * n_present:
        return
    row = min(levels.first_row(int(level)) for level in bad[:1000])
    value = excerpt(levels.values[int(levels.codes[row - 1])].as_py())
    log.add(
        Problem(
            "mostly_numbers",
            f"Column {excerpt(name)!r} is numbers but for {n_bad} cells, first {value!r} in row "
            f"{row}; it was taken as text.",
            "Correct these cells or leave them empty, if the column is a number.",
            row=row,
            column=name,
            count=n_bad,
            value_excerpt=value,
            severity="warning",
        )
    )


def _warn_ambiguous(name: str, levels: Levels, log: ProblemLog) -> None:
    value = excerpt(levels.values[0].as_py())
    log.add(
        Problem(
            "ambiguous_dates",
            f"Column {excerpt(name)!r} holds dates such as {value!r}, which may be day or month "
            "first; it was taken as text.",
            "Write dates as YYYY-MM-DD.",
            row=levels.first_row(0),
            column=name,
            value_excerpt=value,
            severity="warning",
        )
    )
