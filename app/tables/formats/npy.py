"""NPY: one array, never a pickle. (n, p) becomes the columns x0 .. x(p-1), (n,) becomes x0."""

from collections.abc import Iterator

import pyarrow as pa

from app.tables.arrays import MAGIC, check_size, read_data, read_header, to_columns
from app.tables.format import Confidence, TableFormat
from app.tables.problem import ProblemLog, invalid
from app.tables.source import Source, too_large


def _recognize(head: bytes) -> Confidence:
    return 3 if head.startswith(MAGIC) else 0


def _read(source: Source, _log: ProblemLog) -> Iterator[pa.RecordBatch]:
    limits = source.limits
    with source.path.open("rb") as file:
        header = read_header(file, "X")
        check_size(header, source.file_bytes - header.header_bytes, "X")
        if header.n_bytes > limits.max_bytes:
            raise too_large(str(header.n_bytes), limits)
        if len(header.shape) == 2 and header.shape[1] > limits.max_columns:
            raise invalid(
                "too_many_columns",
                f"The array has {header.shape[1]} columns; the limit is {limits.max_columns}.",
                "Drop columns, or transpose it: rows are examples.",
            )
        array = read_data(file, header, "X")
    columns = to_columns("X", array.reshape(-1, 1) if array.ndim == 1 else array)
    yield pa.RecordBatch.from_pydict(columns)


PLUGIN: TableFormat = TableFormat(
    suffixes=(".npy",), typed=True, compressible=False, recognize=_recognize, read=_read
)
