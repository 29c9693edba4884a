"""NPZ: a zip of arrays, judged from its directory and headers before anything is inflated.

``X`` of shape (n, p) becomes x0 .. x(p-1), ``X`` of shape (n, h, w) or (n, h, w, c) and type uint8
is the column ``image``, and ``X`` of shape (n, points, dim) the column ``points``; every other
array is a column of its name. Arrays of images and points are read in blocks.
"""

import zipfile
from collections.abc import Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from app.tables.arrays import ArrayHeader, Readable, check_size, read_data, read_header, to_columns
from app.tables.format import Confidence, TableFormat
from app.tables.limits import MIB, Limits
from app.tables.media import tensor_origin
from app.tables.problem import ProblemLog, excerpt, invalid
from app.tables.source import Source, too_large
from app.tables.zip_directory import END, ZIP_ERRORS, check_end_record, first_name

BLOCK_BYTES = 32 * MIB
BLOCK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An array of images or point sets, open behind its header."""

    name: str
    header: ArrayHeader
    file: Readable

    @property
    def row_bytes(self) -> int:
        """Bytes of one image or point set."""
        return self.header.n_bytes // max(self.header.shape[0], 1)

    def read(self, n_rows: int) -> NDArray[Any]:
        """The next rows."""
        part = ArrayHeader(self.header.dtype, (n_rows, *self.header.shape[1:]), False, 0)
        return read_data(self.file, part, self.name)


def _recognize(head: bytes) -> Confidence:
    is_npz = head.startswith(END) or first_name(head).endswith(".npy")
    return 3 if is_npz else 0


def _read(source: Source, _log: ProblemLog) -> Iterator[pa.RecordBatch]:
    try:
        check_end_record(
            source.path,
            source.limits.max_npz_entries,
            noun="arrays",
            remedy="Save one 2-D array X with a column per feature, and y.",
        )
        with zipfile.ZipFile(source.path) as archive:
            entries = archive.infolist()
            _check_directory(entries, source.limits)
            headers = [_header(archive, entry) for entry in entries]
            _check_lengths(entries, headers)
            _check_width(headers, source.limits)
            columns: dict[str, pa.Array] = {}
            with ExitStack() as files:
                tensors: list[_Tensor] = []
                for entry, header in zip(entries, headers, strict=True):
                    if len(header.shape) > 2:
                        tensors.append(_tensor(files.enter_context(archive.open(entry)), entry))
                        continue
                    for name, column in _columns(archive, entry).items():
                        _check_new(name, columns)
                        columns[name] = column
                yield from _batches(headers[0].shape[0], columns, tensors)
    except ZIP_ERRORS as error:
        raise invalid(
            "damaged_file",
            f"The file starts like a zip but cannot be read: {excerpt(str(error))}.",
            "The upload is cut off or damaged; save with numpy.savez and upload it again.",
        ) from error


def _check_directory(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    others = [entry.filename for entry in entries if not entry.filename.endswith(".npy")]
    if others or not entries:
        what = "an Excel workbook" if "[Content_Types].xml" in others else "a zip of other files"
        raise invalid(
            "unsupported_format",
            f"This is {what} ({excerpt(others[0]) if others else 'it is empty'}), not an NPZ file.",
            "Save the sheet as CSV, or upload the table without the zip.",
        )
    if len(entries) > limits.max_npz_entries:  # the end record may lie about the number
        raise zipfile.BadZipFile("it holds more entries than it lists")
    declared = sum(entry.file_size for entry in entries)
    if declared > limits.max_bytes:
        raise too_large(str(declared), limits)
    for entry in entries:
        ratio = entry.file_size / max(entry.compress_size, 1)
        if entry.file_size > limits.ratio_floor_bytes and ratio > limits.max_ratio:
            raise invalid(
                "compression_ratio",
                f"Array {entry.filename!r} expands {ratio:.0f} times to {entry.file_size} bytes; "
                f"the limit is {limits.max_ratio:g} times.",
                "Save it with numpy.savez, without compression.",
            )


def _header(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> ArrayHeader:
    name = _name(entry)
    with archive.open(entry) as file:
        header = read_header(file, name)
    check_size(header, entry.file_size - header.header_bytes, name)
    return header


def _check_lengths(entries: list[zipfile.ZipInfo], headers: list[ArrayHeader]) -> None:
    lengths = {_name(e): (h.shape or (0,))[0] for e, h in zip(entries, headers, strict=True)}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}: {n}" for name, n in lengths.items())
        raise invalid(
            "unequal_lengths",
            f"The arrays differ in their number of rows ({excerpt(shown)}).",
            "Save arrays whose first dimension is the same: one row per example.",
        )


def _check_width(headers: list[ArrayHeader], limits: Limits) -> None:
    n_columns = sum(header.shape[1] if len(header.shape) == 2 else 1 for header in headers)
    if n_columns > limits.max_columns:
        raise invalid(
            "too_many_columns",
            f"The arrays have {n_columns} columns together; the limit is {limits.max_columns}.",
            "Drop columns, or transpose the arrays: rows are examples.",
        )


def _tensor(file: Readable, entry: zipfile.ZipInfo) -> _Tensor:
    name = _name(entry)
    header = read_header(file, name)
    origin = tensor_origin(str(header.dtype), header.shape[1:])
    if origin is None or header.fortran_order or header.dtype.kind not in "uif":
        order = "Fortran" if header.fortran_order else "C"
        raise invalid(
            "wrong_shape",
            f"Array {name!r} has shape {excerpt(header.shape)} of {header.dtype} in {order} order; "
            "wanted images (n, height, width) or (n, height, width, channels) of uint8, "
            "or point sets (n, points, dimension), in C order.",
            "Move the channels to the end, scale pixels to uint8, and save it with "
            "numpy.ascontiguousarray.",
            column=name,
        )
    kind = "image" if origin == "pixels" else "points"
    return _Tensor(kind if name == "X" else name, header, file)


def _batches(
    n_rows: int, columns: dict[str, pa.Array], tensors: list[_Tensor]
) -> Iterator[pa.RecordBatch]:
    """All rows at once, or in blocks where there are images or points."""
    taken = set(columns)
    for tensor in tensors:
        _check_new(tensor.name, taken)
        taken.add(tensor.name)
    row_bytes = sum(tensor.row_bytes for tensor in tensors)
    size = max(1, min(BLOCK_ROWS, BLOCK_BYTES // max(row_bytes, 1))) if tensors else n_rows
    for start in range(0, n_rows, max(size, 1)):
        stop = min(start + size, n_rows)
        parts = {name: column.slice(start, stop - start) for name, column in columns.items()}
        for tensor in tensors:
            block = tensor.read(stop - start)
            parts[tensor.name] = pa.FixedShapeTensorArray.from_numpy_ndarray(block)
        yield pa.RecordBatch.from_pydict(parts)


def _columns(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> dict[str, pa.Array]:
    with archive.open(entry) as file:
        header = read_header(file, _name(entry))
        return to_columns(_name(entry), read_data(file, header, _name(entry)))


def _check_new(name: str, columns: Container[str]) -> None:
    if name in columns:
        raise invalid(
            "duplicate_column",
            f"Two arrays give a column {excerpt(name)!r}.",
            "Rename one of the arrays.",
            column=name,
        )


def _name(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")


PLUGIN: TableFormat = TableFormat(
    suffixes=(".npz",), typed=True, compressible=False, recognize=_recognize, read=_read
)
