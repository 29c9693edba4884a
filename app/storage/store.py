"""What the service asks of a blob store, and how a URL becomes one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from app.storage.blob import CHUNK_BYTES, Blob, S3Options
from app.storage.local import LocalFolder
from app.storage.s3 import open_bucket


class Store(Protocol):
    """Immutable files under slash-separated keys.

    Every method raises ``StoreUnavailable`` when the store does not answer (``StoreFull`` when it
    has no room), and ``ValueError`` for a key that ``app.storage.keys`` refuses.
    """

    url: str

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store a file; readers see the old blob or the whole new one, never a part.

        Raises ``ChecksumMismatch`` where its bytes do not have this hash (any longer).
        """

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data``."""

    def get_bytes(self, key: str, max_bytes: int, sha256: str | None = None) -> bytes:
        """Read a small blob; a larger one is refused before it is read."""

    def download(self, key: str, path: Path, sha256: str | None = None) -> str:
        """Copy a blob to ``path`` and return its sha256; a wrong one leaves no file behind."""

    def stream(
        self, key: str, start: int | None = None, end: int | None = None, chunk: int = CHUNK_BYTES
    ) -> Iterator[bytes]:
        """Open the bytes ``start`` to ``end`` (exclusive) for reading in pieces."""

    def head(self, key: str) -> int | None:
        """Size in bytes, or ``None`` if there is no such blob."""

    def delete(self, key: str) -> None:
        """Remove a blob; one that is already gone is fine."""

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """Blobs below the folder ``prefix``."""

    def remove_partial(self, older_than_seconds: float) -> int:
        """Remove what killed writers have left half written; returns how many files."""


def open_store(url: str, options: S3Options | None = None) -> Store:
    """Open ``file:///folder`` or ``s3://bucket/prefix``; the latter with ``options``.

    No connection is made yet, so the service can start before its store does.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return LocalFolder(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return open_bucket(parts.netloc, parts.path.strip("/"), options)
    raise ValueError(f"store_url {url!r}: wanted file:///folder or s3://bucket/prefix")
