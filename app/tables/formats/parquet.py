"""Parquet: widths from the footer before decoding, text in batches and as dictionaries."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from app.tables.format import Confidence, TableFormat
from app.tables.limits import MIB
from app.tables.media import origin_of
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.source import Source, too_large

BATCH_ROWS = 64 * 1024
MEDIA_BATCH_ROWS = 1024
MEDIA_BATCH_BYTES = 32 * MIB
WIDTH_BYTES = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
DECODE_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)


def _recognize(head: bytes) -> Confidence:
    return 3 if head.startswith(b"PAR1") else 0


def _read(source: Source, log: ProblemLog) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(source.path) as probe:
            schema, metadata = probe.schema_arrow, probe.metadata
            _check_types(schema, log)
            _check_size(source, metadata, log)
        has_media = any(_has_media(field.type) for field in schema)
        n_rows = _media_rows(source, metadata.num_rows) if has_media else BATCH_ROWS
        buffer_bytes = MIB if has_media else 0  # else whole column chunks are read at once
        text = [field.name for field in schema if _is_text(field.type)]
        with pq.ParquetFile(
            source.path, read_dictionary=text, pre_buffer=False, buffer_size=buffer_bytes
        ) as file:
            yield from file.iter_batches(batch_size=n_rows, use_threads=False)
    except DECODE_ERRORS as error:
        log.fail(
            Problem(
                "damaged_file",
                f"The file starts like Parquet but cannot be read: {excerpt(str(error))}.",
                "The upload is cut off or damaged; write the file and upload it again.",
            )
        )


def _media_rows(source: Source, n_rows: int) -> int:
    """Rows of a batch: images do not shrink, so the file tells how many bytes a row has."""
    row_bytes = source.file_bytes // max(n_rows, 1) + 1
    return max(1, min(MEDIA_BATCH_ROWS, MEDIA_BATCH_BYTES // row_bytes))


def _check_size(source: Source, metadata: pq.FileMetaData, log: ProblemLog) -> None:
    """Rows times width: the declared byte sizes are those before run lengths are expanded.

    The column chunks' own metadata stays unread: pyarrow 26 aborts the process if it is damaged.
    Numbers and text are flat, so rows are values; where the footer lies, and for images and lists,
    the running budget stops.
    """
    limits = source.limits
    if metadata.num_columns > limits.max_columns:
        log.fail(
            Problem(
                "too_many_columns",
                f"The file has {metadata.num_columns} columns; the limit is {limits.max_columns}.",
                "Drop columns.",
            )
        )
    if metadata.num_rows > limits.max_rows:
        log.fail(
            Problem(
                "too_many_rows",
                f"The file has {metadata.num_rows} rows; the limit is {limits.max_rows}.",
                "Send a random sample of the rows.",
            )
        )
    kinds = [metadata.schema.column(index).physical_type for index in range(metadata.num_columns)]
    total = metadata.num_rows * sum(WIDTH_BYTES.get(kind, 4) for kind in kinds)
    if total > limits.max_bytes:
        raise too_large(str(total), limits)


def _check_types(schema: pa.Schema, log: ProblemLog) -> None:
    for field in schema:
        if _has_media(field.type):
            continue
        if pa.types.is_nested(field.type):
            remedy = "Spread it over plain columns, one value a cell, or drop it. Images are "
            remedy += "stored as bytes or struct(bytes, path), point sets as list(list(number))."
            log.add(_type_problem("nested_column", field, remedy))
        elif not _is_supported(field.type):
            remedy = "Store it as number, text, boolean, date or timestamp, or drop it."
            log.add(_type_problem("unsupported_type", field, remedy))
    log.raise_if_errors()


def _has_media(kind: pa.DataType) -> bool:
    is_plain = not isinstance(kind, pa.BaseExtensionType)
    return is_plain and origin_of(kind) is not None


def _type_problem(code: str, field: pa.Field, remedy: str) -> Problem:
    message = (
        f"Column {excerpt(field.name)!r} is {excerpt(str(field.type))}; "
        "wanted number, text, boolean, date or timestamp."
    )
    return Problem(code, message, remedy, column=field.name)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_supported(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_supported(kind.value_type)
    checks = (
        _is_text,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_boolean,
        pa.types.is_date,
        pa.types.is_timestamp,
        pa.types.is_null,
    )
    return any(check(kind) for check in checks)


PLUGIN: TableFormat = TableFormat(
    suffixes=(".parquet", ".pq"),
    typed=True,
    compressible=False,
    recognize=_recognize,
    read=_read,
)
