"""SHA-256 of bytes and files: the only checksum that rows and manifests carry."""

import hashlib
from pathlib import Path

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
