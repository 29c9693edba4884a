"""Record batches to whole columns, within the budgets, one cell type per column."""

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.tables.limits import Limits
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.schema import clean_names
from app.tables.source import too_large

TEXT = pa.string()
LEVELS = pa.dictionary(pa.int32(), pa.string())
Progress = Callable[[int], None]


class Assembler:
    """Takes batches of growing column sets; columns that come late are missing before."""

    def __init__(self, limits: Limits, log: ProblemLog) -> None:
        self._limits, self._log = limits, log
        self._chunks: dict[str, list[pa.Array]] = {}
        self._names: tuple[tuple[str, ...], list[str]] = ((), [])
        self._n_bytes = 0
        self.n_rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Check the batch against the budgets and keep it."""
        names = self._clean(tuple(batch.schema.names))
        self._n_bytes += batch.nbytes
        self._check(batch)
        columns = dict(zip(names, batch.columns, strict=True))
        for name in names:
            if name not in self._chunks:
                self._chunks[name] = [pa.nulls(self.n_rows)] if self.n_rows else []
        for name, chunks in self._chunks.items():
            column = columns.get(name)
            if column is None:
                chunks.append(pa.nulls(batch.num_rows))
            else:
                chunks.append(self._plain(name, column))
        self.n_rows += batch.num_rows

    def columns(self) -> dict[str, pa.ChunkedArray]:
        """Whole columns by name; the assembler is empty afterwards, so memory is held once."""
        chunks, self._chunks = self._chunks, {}
        return {name: _one_type(chunks.pop(name)) for name in list(chunks)}

    def _clean(self, raw: tuple[str, ...]) -> list[str]:
        if raw != self._names[0]:
            self._names = (raw, clean_names(raw, self._log))
        return self._names[1]

    def _check(self, batch: pa.RecordBatch) -> None:
        limits = self._limits
        if batch.num_columns > limits.max_columns:
            message = (
                f"The file has {batch.num_columns} columns; the limit is {limits.max_columns}."
            )
            self._log.fail(Problem("too_many_columns", message, "Drop columns."))
        if self.n_rows + batch.num_rows > limits.max_rows:
            message = f"The file has more than {limits.max_rows} rows, which is the limit."
            remedy = "Send a random sample of the rows."
            self._log.fail(Problem("too_many_rows", message, remedy))
        if self._n_bytes > limits.max_bytes:
            raise too_large(f"more than {limits.max_bytes}", limits)

    def _plain(self, name: str, column: pa.Array) -> pa.Array:
        """One of a few Arrow types: text as strings or dictionary<int32, string>."""
        kind = column.type
        if pa.types.is_dictionary(kind):
            is_text = not (pa.types.is_primitive(kind.value_type) or _is_decimal(kind.value_type))
            column = column.cast(LEVELS if is_text else kind.value_type)
        elif pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            column = column.cast(TEXT)
        if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
            self._check_text(name, column)
        return column

    def _check_text(self, name: str, column: pa.Array) -> None:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            self._log.fail(
                Problem(
                    "broken_text",
                    f"Column {excerpt(name)!r} holds text that is not UTF-8.",
                    "Write the file again with UTF-8 strings.",
                    column=name,
                )
            )
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        lengths = pc.fill_null(pc.binary_length(values), 0)
        longest = pc.max(lengths).as_py() or 0
        if longest > self._limits.max_cell_bytes:
            self._fail_huge(name, column, pc.index(lengths, longest).as_py(), longest)

    def _fail_huge(self, name: str, column: pa.Array, place: int, n_bytes: int) -> None:
        row = place
        if pa.types.is_dictionary(column.type):
            row = int(np.argmax(pc.equal(column.indices, place).to_numpy(zero_copy_only=False)))
        limit = self._limits.max_cell_bytes
        self._log.fail(
            Problem(
                "cell_too_large",
                f"Row {self.n_rows + row + 1}, column {excerpt(name)!r} holds {n_bytes} bytes; "
                f"the limit is {limit} bytes a cell.",
                "Shorten the cell or drop the column; a missing quote can also join rows.",
                row=self.n_rows + row + 1,
                column=name,
            )
        )


def assemble(
    batches: Iterable[pa.RecordBatch], assembler: Assembler, progress: Progress | None
) -> None:
    """Feed all batches, reporting the rows read so far."""
    for batch in batches:
        assembler.add(batch)
        if progress is not None:
            progress(assembler.n_rows)


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def _one_type(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """Equal types stay, integers join floats if exact, anything else becomes text."""
    kinds = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if len(kinds) <= 1:
        kind = next(iter(kinds), pa.null())
        return pa.chunked_array([chunk.cast(kind) for chunk in chunks], kind)
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        try:
            return pa.chunked_array([chunk.cast(pa.float64()) for chunk in chunks])
        except pa.ArrowInvalid:  # an integer that float64 cannot hold
            return pa.chunked_array([chunk.cast(TEXT) for chunk in chunks])
    return pa.chunked_array([chunk.cast(TEXT) for chunk in chunks])
