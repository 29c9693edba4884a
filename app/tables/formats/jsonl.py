"""JSONL: one flat object a line. Keys that lack in a line are missing cells."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from app.tables.format import Confidence, TableFormat
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.source import Source, blocks

BATCH_ROWS = 20_000
BOM = b"\xef\xbb\xbf"
REMEDY = 'Write each row as one line: {"a": 1, "b": "x"}.'


def _recognize(head: bytes) -> Confidence:
    start = head.removeprefix(BOM).lstrip()
    if not start.startswith(b"{"):
        return 0
    line = start.split(b"\n", 1)[0]
    return 2 if b":" in line or line.strip() == b"{" else 1


def _read(source: Source, log: ProblemLog) -> Iterator[pa.RecordBatch]:
    batch = _Batch(log, source.limits.max_columns)
    with source.open() as stream:
        number = 0
        for block in blocks(stream, source.limits.max_row_bytes):
            for line in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                record = _parse(number, line, log)
                if record is not None:
                    batch.add(number, record)
                if len(batch) == BATCH_ROWS:
                    yield batch.take()
    if len(batch):
        yield batch.take()


def _parse(number: int, line: bytes, log: ProblemLog) -> dict[str, Any] | None:
    text = line.removeprefix(BOM) if number == 1 else line
    if not text.strip():
        return None
    what, remedy = "", REMEDY
    try:
        record = json.loads(text.decode("utf-8"))
        if isinstance(record, dict):
            return record
        what = f"is a {type(record).__name__}, not an object"
    except UnicodeDecodeError:
        what, remedy = "is not UTF-8", "Export the file as UTF-8."
    except (ValueError, RecursionError) as error:
        what = f"is not JSON: {excerpt(str(error))}"
    _log_line(log, number, text, what, remedy)
    return None


def _log_line(log: ProblemLog, number: int, text: bytes, what: str, remedy: str) -> None:
    shown = excerpt(text[:200].decode("utf-8", errors="replace"))
    log.add(
        Problem("broken_line", f"Line {number} {what}.", remedy, row=number, value_excerpt=shown)
    )


class _Batch:
    """Cells by column until they become one record batch."""

    def __init__(self, log: ProblemLog, max_columns: int) -> None:
        self._log, self._max_columns = log, max_columns
        self._names: dict[str, None] = {}
        self._rows: list[Mapping[str, Any]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, number: int, record: dict[str, Any]) -> None:
        """Take one row, or log why not."""
        for name, value in record.items():
            self._check(number, name, value)
        self._names.update(dict.fromkeys(record))
        if len(self._names) > self._max_columns:
            self._log.fail(
                Problem(
                    "too_many_columns",
                    f"Up to line {number} there are more than {self._max_columns} keys, "
                    "which is the limit.",
                    "Use the same keys in each line.",
                    row=number,
                )
            )
        self._rows.append(record)

    def _check(self, number: int, name: str, value: object) -> None:
        if isinstance(value, dict | list):
            self._log.add(
                Problem(
                    "nested_value",
                    f"Line {number}, column {excerpt(name)!r} holds a "
                    f"{'list' if isinstance(value, list) else 'object'}; wanted one value.",
                    "Spread it over plain keys, or drop it.",
                    row=number,
                    column=name,
                    value_excerpt=excerpt(repr(value)[:200]),
                )
            )
        elif not _is_unicode(name) or (isinstance(value, str) and not _is_unicode(value)):
            self._log.add(
                Problem(
                    "broken_text",
                    f"Line {number} holds half of a surrogate pair, which is no character.",
                    "Export the file as UTF-8.",
                    row=number,
                )
            )

    def take(self) -> pa.RecordBatch:
        """The rows so far, and a fresh start; nothing is built once an error is known."""
        rows, self._rows = self._rows, []
        self._log.raise_if_errors()
        names = list(self._names)
        arrays = [_array([row.get(name) for row in rows]) for name in names]
        return pa.RecordBatch.from_arrays(arrays, names=names)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _array(values: list[Any]) -> pa.Array:
    """Numbers as float64 or int64, booleans, else text; a mixture becomes text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_() if kinds else pa.null())
    if kinds <= {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return _floats(values)
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _floats(values: list[Any]) -> pa.Array:
    try:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    except OverflowError:
        return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


PLUGIN: TableFormat = TableFormat(
    suffixes=(".jsonl", ".ndjson", ".json"),
    typed=True,
    compressible=True,
    recognize=_recognize,
    read=_read,
)
