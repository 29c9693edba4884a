"""The zip container: stored entries only, in a fixed order, with nothing between them.

A package has one layout, so the reader need not be generous: it accepts what the writer
makes and refuses the rest before it allocates anything.
"""

import io
import struct
import zipfile
from collections.abc import Mapping

from app.science.export.errors import PackageError

MAX_ENTRIES = 32
MAX_NAME_BYTES = 64
MAX_BYTES = 2 << 30
TIMESTAMP = (1980, 1, 1, 0, 0, 0)

_END = struct.Struct("<4s4H2LH")  # the "end of central directory" record
_LOCAL_BYTES, _CENTRAL_BYTES = 30, 46


def write(files: Mapping[str, bytes]) -> bytes:
    """Zip the files in the given order; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as bundle:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            entry.create_system = 3  # else it depends on the machine that writes
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, data)
    return buffer.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    """All files of an untrusted package by name.

    Raises
    ------
    PackageError
        Truncated or overlong, too many or compressed entries, sizes that do not add up,
        a name that is a path, or bytes that fail their checksum.
    """
    if len(data) > MAX_BYTES:
        raise PackageError("package", f"{len(data)} bytes, the limit is {MAX_BYTES}")
    _check_end_record(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            entries = bundle.infolist()
            _check_entries(entries, len(data))
            return {entry.filename: _content(bundle, entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, UnicodeError, struct.error) as error:
        raise PackageError("package", f"is no intact zip file: {error}") from None


def _check_end_record(data: bytes) -> None:
    """Bound the directory before anything walks it: zipfile would list any number of entries."""
    if len(data) < _END.size or data[-_END.size : -_END.size + 4] != b"PK\x05\x06":
        raise PackageError("package", "is truncated or no zip file: its last record is missing")
    fields = _END.unpack(data[-_END.size :])
    _, disk, directory_disk, here, total, size, offset, comment = fields
    if total > MAX_ENTRIES:
        raise PackageError("package", f"{total} entries, the limit is {MAX_ENTRIES}")
    if (disk, directory_disk, comment) != (0, 0, 0) or here != total:
        raise PackageError("package", "has several disks or a comment")
    if offset + size + _END.size != len(data):
        raise PackageError("package", "is truncated, or has bytes that belong to no entry")


def _check_entries(entries: list[zipfile.ZipInfo], n_bytes: int) -> None:
    expected = 0
    for entry in entries:
        _check_entry(entry)
        if entry.header_offset != expected:
            raise PackageError(entry.filename, "does not start where the entry before it ends")
        expected += _LOCAL_BYTES + len(entry.filename) + entry.file_size
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise PackageError("package", "holds a name twice")
    directory = sum(_CENTRAL_BYTES + len(name) for name in names)
    if expected + directory + _END.size != n_bytes:
        raise PackageError("package", "declares sizes that do not add up to the file's size")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    plain = name.isascii() and name.replace(".", "").replace("_", "").isalnum()
    if (
        not plain
        or name.startswith(".")
        or len(name) > MAX_NAME_BYTES
        or entry.orig_filename != name
    ):
        raise PackageError(repr(name[:MAX_NAME_BYTES]), "is no plain file name")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise PackageError(name, "is compressed; entries of a package are stored")
    if entry.flag_bits or entry.extra or entry.comment:
        raise PackageError(name, "is encrypted or carries extra fields")


def _content(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return bundle.read(entry)
    except (zipfile.BadZipFile, EOFError) as error:
        raise PackageError(entry.filename, f"is damaged: {error}") from None
