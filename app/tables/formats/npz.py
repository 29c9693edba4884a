"""NPZ: a zip of arrays, judged from its directory and headers before anything is inflated.

``X`` of shape (n, p) becomes x0 .. x(p-1); every other array is a column of its name.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from app.tables.arrays import ArrayHeader, check_size, read_data, read_header, to_columns
from app.tables.format import Confidence, TableFormat
from app.tables.limits import Limits
from app.tables.problem import ProblemLog, excerpt, invalid
from app.tables.source import Source, too_large

END = b"PK\x05\x06"
END_SEARCH_BYTES = 22 + 65_535
DIRECTORY_BYTES_PER_ENTRY = 1024
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,  # encrypted, or an unknown compression (NotImplementedError)
    ValueError,
    struct.error,
)


def _recognize(head: bytes) -> Confidence:
    return 3 if head.startswith((b"PK\x03\x04", END)) else 0


def _read(source: Source, _log: ProblemLog) -> Iterator[pa.RecordBatch]:
    try:
        _check_end_record(source.path, source.limits)
        with zipfile.ZipFile(source.path) as archive:
            entries = archive.infolist()
            _check_directory(entries, source.limits)
            headers = [_header(archive, entry) for entry in entries]
            _check_lengths(entries, headers)
            _check_width(headers, source.limits)
            columns: dict[str, pa.Array] = {}
            for entry in entries:
                for name, column in _columns(archive, entry).items():
                    _check_new(name, columns)
                    columns[name] = column
    except ZIP_ERRORS as error:
        raise invalid(
            "damaged_file",
            f"The file starts like a zip but cannot be read: {excerpt(str(error))}.",
            "The upload is cut off or damaged; save with numpy.savez and upload it again.",
        ) from error
    yield pa.RecordBatch.from_pydict(columns)


def _check_end_record(path: Path, limits: Limits) -> None:
    """The directory's size from the last bytes: listing 200,000 entries alone costs 122 MB."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - END_SEARCH_BYTES))
        tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("it has no end record, so its end is missing")
    n_entries, directory_bytes = struct.unpack("<HI", tail[at + 10 : at + 16])
    allowed = limits.max_npz_entries * DIRECTORY_BYTES_PER_ENTRY
    if n_entries > limits.max_npz_entries or directory_bytes > allowed:
        raise invalid(
            "too_many_entries",
            f"The zip lists {n_entries} entries in {directory_bytes} bytes; "
            f"the limit is {limits.max_npz_entries} arrays.",
            "Save one 2-D array X with a column per feature, and y.",
        )


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


def _columns(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> dict[str, pa.Array]:
    with archive.open(entry) as file:
        header = read_header(file, _name(entry))
        return to_columns(_name(entry), read_data(file, header, _name(entry)))


def _check_new(name: str, columns: dict[str, pa.Array]) -> None:
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
