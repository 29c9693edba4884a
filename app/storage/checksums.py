"""SHA-256 of bytes and files: the only checksum that rows and manifests carry."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from app.storage.blob import CHUNK_BYTES
from app.storage.errors import ChecksumMismatch


def of_bytes(data: bytes) -> str:
    """Lower-case hex digest of ``data``."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    """Lower-case hex digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(name: str, *, expected: str | None, actual: str) -> None:
    """Raise ``ChecksumMismatch`` unless both digests agree; ``None`` expects nothing."""
    if expected is not None and expected.lower() != actual:
        raise ChecksumMismatch(f"{name}: wanted sha256 {expected}, got {actual}")


def verified(name: str, pieces: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """The same pieces; the last one is held back until the digest of all has proved right.

    Who reads to the end has read what was written; who reads something else never comes to it.
    """
    digest = hashlib.sha256()
    held = b""
    for piece in pieces:
        digest.update(piece)
        if held:
            yield held
        held = piece
    verify(name, expected=sha256, actual=digest.hexdigest())
    yield held


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece
