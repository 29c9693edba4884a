"""What a zip says about itself, judged before its directory is loaded or an entry inflated."""

import struct
import zipfile
import zlib
from pathlib import Path

from app.tables.problem import invalid

ENTRY = b"PK\x03\x04"
END = b"PK\x05\x06"
LARGE_END = b"PK\x06\x06"
LARGE_END_BYTES = 56 + 20  # the record of a large zip, and the pointer to it
END_SEARCH_BYTES = LARGE_END_BYTES + 22 + 65_535
DIRECTORY_BYTES_PER_ENTRY = 1024
LOCAL_HEADER_BYTES = 30
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,  # encrypted, or an unknown compression (NotImplementedError)
    ValueError,
    struct.error,
)


def first_name(head: bytes) -> str:
    """The name of the first entry from the first bytes; empty where this is no zip."""
    if not head.startswith(ENTRY) or len(head) < LOCAL_HEADER_BYTES:
        return ""
    (length,) = struct.unpack("<H", head[26:28])
    return head[LOCAL_HEADER_BYTES : LOCAL_HEADER_BYTES + length].decode("utf-8", "replace")


def check_end_record(path: Path, max_entries: int, *, noun: str, remedy: str) -> None:
    """The directory's size from the last bytes: listing 200,000 entries alone costs 122 MB.

    Raises ``InvalidTable`` over ``max_entries``, and ``BadZipFile`` where there is no end.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - END_SEARCH_BYTES))
        tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("it has no end record, so its end is missing")
    n_entries, directory_bytes = struct.unpack("<HI", tail[at + 10 : at + 16])
    large = tail[max(0, at - LARGE_END_BYTES) : at]
    if large.startswith(LARGE_END):  # if it is there, zipfile believes it and not the other one
        n_entries, directory_bytes = struct.unpack("<QQ", large[32:48])
    allowed = max_entries * DIRECTORY_BYTES_PER_ENTRY
    if n_entries > max_entries or directory_bytes > allowed:
        raise invalid(
            "too_many_entries",
            f"The zip lists {n_entries} entries in {directory_bytes} bytes; "
            f"the limit is {max_entries} {noun}.",
            remedy,
        )
