"""One call from a hostile file to a typed table, or to the list of what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from app.tables.assemble import Assembler, Progress, assemble
from app.tables.canonical import logical_hash
from app.tables.cells import from_column
from app.tables.correct import correct
from app.tables.guess import Typed, guess
from app.tables.limits import Limits
from app.tables.media_store import MediaStore
from app.tables.problem import InvalidTable, Problem, ProblemLog, excerpt
from app.tables.schema import ColumnSchema, check_wishes
from app.tables.sniff import sniff
from app.tables.source import open_source

MIN_ROWS_TO_TRAIN = 50


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A usable table. ``problems`` are warnings only; ``totals`` counts them by code.

    Parameters
    ----------
    table : float64, timestamp[us, UTC] and dictionary<int32, string> columns, null if missing;
        images and point sets as ``IMAGE`` and ``POINTS`` of ``app.tables.media``
    logical_hash : equal for equal tables, whatever the file format and the column order
    """

    table: pa.Table
    schema: tuple[ColumnSchema, ...]
    problems: tuple[Problem, ...]
    totals: Mapping[str, int]
    format: str
    n_rows: int
    logical_hash: str


def read_table(
    path: Path,
    *,
    filename: str | None = None,
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    media: Path | None = None,
) -> ReadTable:
    """Read a table of any known format.

    Parameters
    ----------
    filename : the name the user gave, which only breaks ties between formats
    columns : types the user wants, by trimmed column name
    progress : called with the rows read so far
    media : the folder for ``MEDIA_FILE``, if there are images or points; nowhere if None

    Raises
    ------
    InvalidTable
        With every problem found; whatever the bytes are, no other error of the data escapes.
    """
    limits = limits or Limits()
    log = ProblemLog()
    source = open_source(path, filename, limits)
    try:
        name, plugin = sniff(source, log)
        assembler = Assembler(limits, log)
        with MediaStore(media, limits, log) as store:
            assemble(store.extract(plugin.read(source, log)), assembler, progress)
    except InvalidTable as invalid:
        raise _with_earlier(invalid, log) from invalid
    log.raise_if_errors()
    _check_rows(assembler.n_rows, limits, log)
    raw = assembler.columns()
    check_wishes(columns or {}, list(raw), log)
    typed = _settle_types(raw, columns or {}, log, from_text=not plugin.typed)
    log.raise_if_errors()
    return _finish(name, typed, log)


def _with_earlier(invalid: InvalidTable, log: ProblemLog) -> InvalidTable:
    """Add what the log knew to a problem raised without it."""
    if set(invalid.problems) <= set(log.problems):
        return invalid
    totals = dict(log.totals)
    for code, count in invalid.totals.items():
        totals[code] = totals.get(code, 0) + count
    return InvalidTable((*log.problems, *invalid.problems), totals)


def _check_rows(n_rows: int, limits: Limits, log: ProblemLog) -> None:
    remedy = f"Send at least {MIN_ROWS_TO_TRAIN} rows to train; some hundred are better."
    if n_rows < limits.min_rows:
        message = f"The file has {n_rows} data rows; at least {limits.min_rows} are needed to read "
        message += f"types from, and {MIN_ROWS_TO_TRAIN} to train."
        log.fail(Problem("too_few_rows", message, remedy))
    if n_rows < min(MIN_ROWS_TO_TRAIN, limits.min_rows * MIN_ROWS_TO_TRAIN):
        message = f"The file has {n_rows} data rows; {MIN_ROWS_TO_TRAIN} are needed to train."
        log.add(Problem("few_rows", message, remedy, severity="warning"))


def _settle_types(
    raw: dict[str, pa.ChunkedArray], wishes: Mapping[str, str], log: ProblemLog, *, from_text: bool
) -> dict[str, tuple[Typed, bool]]:
    typed: dict[str, tuple[Typed, bool]] = {}
    for name in list(raw):
        cells = from_column(name, raw.pop(name), log)
        wish = wishes.get(name)
        if wish is None:
            typed[name] = (guess(name, cells, log, from_text=from_text), False)
        else:
            wished = correct(name, cells, wish, log)
            if wished is not None:
                typed[name] = (wished, True)
    return typed


def _finish(name: str, typed: dict[str, tuple[Typed, bool]], log: ProblemLog) -> ReadTable:
    arrays: dict[str, pa.Array] = {}
    schema: list[ColumnSchema] = []
    for column, (settled, is_corrected) in typed.items():
        array = settled.cells.to_arrow()
        arrays[column] = array
        schema.append(
            ColumnSchema(
                name=column,
                type=settled.type,
                storage=settled.cells.storage,
                reason=settled.reason,
                n_missing=int(array.null_count),
                is_corrected=is_corrected,
            )
        )
        if array.null_count == len(array):
            _warn_all_missing(column, len(array), log)
    table = pa.table(arrays)
    return ReadTable(
        table=table,
        schema=tuple(schema),
        problems=log.problems,
        totals=dict(log.totals),
        format=name,
        n_rows=table.num_rows,
        logical_hash=logical_hash(table),
    )


def _warn_all_missing(column: str, n_rows: int, log: ProblemLog) -> None:
    message = f"Column {excerpt(column)!r} has no value in any of {n_rows} rows."
    remedy = "Drop it, or check why the export left it empty; it is not used."
    log.add(Problem("all_missing", message, remedy, column=column, severity="warning"))
