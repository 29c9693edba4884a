"""The bytes of one file: decompressed while reading, counted, and never more than the budget."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from app.tables.limits import MIB, Limits
from app.tables.problem import invalid

HEAD_BYTES = 256 * 1024
CHUNK_BYTES = MIB

Compression = Literal["gzip", "zstd"]
MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class BoundedStream(io.RawIOBase):
    """Reads a file, decompressing if asked, and raises ``InvalidTable`` over the budget."""

    def __init__(self, path: Path, compression: Compression | None, limits: Limits) -> None:
        self._file_bytes = path.stat().st_size
        self._compression = compression
        self._limits = limits
        self.decoded_bytes = 0
        file = pa.OSFile(str(path), "rb")
        self._inner: Any = pa.CompressedInputStream(file, compression) if compression else file

    def readable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Close the file below."""
        if not self.closed:
            self._inner.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; "all" is one chunk more than the budget at the most."""
        wanted = size if size >= 0 else self._limits.max_bytes + CHUNK_BYTES
        try:
            data = bytes(self._inner.read(wanted))
        except (OSError, pa.ArrowException) as error:
            raise invalid(
                "damaged_compression",
                f"The {self._compression} stream broke after {self.decoded_bytes} decoded bytes: "
                f"{error}.",
                "The upload is cut off or damaged; compress the file again, or send it plain.",
            ) from error
        self.decoded_bytes += len(data)
        self._check()
        return data

    def _check(self) -> None:
        limits = self._limits
        if self.decoded_bytes > limits.max_bytes:
            raise too_large(f"more than {limits.max_bytes}", limits)
        ratio = self.decoded_bytes / max(self._file_bytes, 1)
        if (
            self._compression
            and self.decoded_bytes > limits.ratio_floor_bytes
            and ratio > limits.max_ratio
        ):
            raise invalid(
                "compression_ratio",
                f"The file expands more than {limits.max_ratio:g} times "
                f"({self._file_bytes} bytes to over {self.decoded_bytes}).",
                "Send it as Parquet, or as plain text.",
            )


@dataclass(frozen=True, slots=True)
class Source:
    """One file on disk, its wrapping, and its first decoded bytes."""

    path: Path
    filename: str
    compression: Compression | None
    head: bytes
    limits: Limits

    @property
    def file_bytes(self) -> int:
        """Size on disk."""
        return self.path.stat().st_size

    def open(self) -> BoundedStream:
        """A fresh stream of the decoded bytes."""
        return BoundedStream(self.path, self.compression, self.limits)

    def sample(self, n_bytes: int) -> bytes:
        """The first decoded bytes."""
        with self.open() as stream:
            return _read_up_to(stream, n_bytes)


def open_source(path: Path, filename: str | None, limits: Limits) -> Source:
    """Look at the first bytes of ``path`` and unwrap gzip or zstd."""
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise invalid(
            "empty_file", "The file has no bytes.", "Check the export and upload the file again."
        )
    compression = next((name for m, name in MAGIC.items() if magic.startswith(m)), None)
    empty = Source(path, filename or path.name, compression, b"", limits)
    head = empty.sample(HEAD_BYTES)
    return Source(path, empty.filename, compression, head, limits)


def blocks(stream: BoundedStream, max_row_bytes: int) -> Iterator[bytes]:
    """Pieces of text that end after a line feed, or with the file.

    A line longer than ``max_row_bytes`` raises ``InvalidTable``.
    """
    rest, n_lines = b"", 0
    while chunk := stream.read(CHUNK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut == 0:
            rest += chunk
        else:
            block = rest + chunk[:cut]
            rest = chunk[cut:]
            n_lines += block.count(b"\n")
            yield block
        if len(rest) > max_row_bytes:
            raise row_too_long(n_lines + 1, max_row_bytes)
    if rest:
        yield rest


def row_too_long(line: int, max_row_bytes: int) -> Exception:
    """The problem of a line that does not end."""
    return invalid(
        "row_too_long",
        f"Line {line} is longer than {max_row_bytes} bytes.",
        "Check the line endings and the quotes near that line; one row must stay shorter.",
        row=max(line - 1, 1),
    )


def too_large(what: str, limits: Limits) -> Exception:
    """The problem of a table over the byte budget; ``what`` is the size that came."""
    return invalid(
        "too_large",
        f"The table needs {what} bytes when decoded; the limit is {limits.max_bytes} bytes.",
        "Send fewer rows or columns, or numbers in a narrower type.",
    )


def _read_up_to(stream: BoundedStream, n_bytes: int) -> bytes:
    parts: list[bytes] = []
    read: Callable[[int], bytes] = stream.read
    while n_bytes > 0 and (part := read(n_bytes)):
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)
