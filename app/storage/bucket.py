"""A store over any obstore backend. The backend moves the bytes; here are names and errors."""

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError

from app.storage import checksums, keys
from app.storage.blob import CHUNK_BYTES, Blob
from app.storage.errors import (
    MAKE_ROOM,
    BlobNotFound,
    BlobTooLarge,
    StoreFull,
    StoreUnavailable,
    is_full,
    on_disk,
)

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ObjectStore

SINGLE_PUT_BYTES = 5 << 20  # larger files go up in parts
_FULL_ANSWER = re.compile(r"StorageFull|QuotaExceeded|507 Insufficient|os error (28|122)\b")


class Bucket:
    """Blobs in one bucket or folder of an obstore backend."""

    def __init__(self, backend: "ObjectStore", url: str) -> None:
        self._backend = backend
        self.url = url

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store a file under ``key``; readers see the old blob or the whole new one.

        The bytes that are sent are hashed as they are read: a file that somebody has changed
        meanwhile is not stored under the hash that it had.
        """
        small = path.stat().st_size <= SINGLE_PUT_BYTES  # a missing source is no missing blob
        pieces = checksums.verified(key, checksums.pieces_of(path), sha256)
        body = b"".join(pieces) if small else pieces
        with translated(key):
            obstore.put(self._backend, keys.checked(key), body)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``."""
        with translated(key):
            obstore.put(self._backend, keys.checked(key), data)

    def get_bytes(self, key: str, max_bytes: int, sha256: str | None = None) -> bytes:
        """Read a small blob; a larger one than ``max_bytes`` is refused before it is read."""
        with translated(key):
            answer = obstore.get(self._backend, keys.checked(key))
            if answer.meta["size"] > max_bytes:
                raise BlobTooLarge(f"{key} has {answer.meta['size']} bytes, allowed {max_bytes}")
            data = bytes(answer.bytes())
        checksums.verify(key, expected=sha256, actual=checksums.of_bytes(data))
        return data

    def download(self, key: str, path: Path, sha256: str | None = None) -> str:
        """Copy a blob to ``path`` and return its sha256; a wrong one leaves no file behind."""
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        digest = hashlib.sha256()
        try:
            with on_disk(), partial.open("xb") as file:
                for chunk in self.stream(key):
                    digest.update(chunk)
                    file.write(chunk)
            checksums.verify(key, expected=sha256, actual=digest.hexdigest())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest()

    def stream(
        self, key: str, start: int | None = None, end: int | None = None, chunk: int = CHUNK_BYTES
    ) -> Iterator[bytes]:
        """Open a blob, or its bytes ``start`` to ``end`` (exclusive), for reading in pieces.

        A missing blob is reported here, before the first piece. Every piece but the last has at
        least ``chunk`` bytes.
        """
        keys.checked(key)
        if end is not None and end <= (start or 0):
            return iter(())
        with translated(key):
            answer = obstore.get(self._backend, key, options=_range(start, end))
            pieces = answer.stream(min_chunk_size=chunk)
        return _translate_pieces(key, pieces)

    def head(self, key: str) -> int | None:
        """Size in bytes, or ``None`` if there is no such blob."""
        try:
            with translated(key):
                return obstore.head(self._backend, keys.checked(key))["size"]
        except BlobNotFound:
            return None

    def delete(self, key: str) -> None:
        """Remove a blob. One that is already gone is fine: a sweep may repeat itself."""
        with contextlib.suppress(BlobNotFound), translated(key):
            obstore.delete(self._backend, keys.checked(key))

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """Blobs below the folder ``prefix`` (whole segments), in no promised order."""
        folder = keys.checked(prefix.rstrip("/")) if prefix else None
        with translated(prefix):
            for batch in obstore.list(self._backend, prefix=folder):
                for meta in batch:
                    yield Blob(meta["path"], meta["size"], meta["last_modified"])

    def remove_partial(self, older_than_seconds: float) -> int:  # noqa: ARG002
        """Nothing to do: the server keeps parts apart, and a rule of the bucket ends them."""
        return 0


@contextlib.contextmanager
def translated(key: str) -> Iterator[None]:
    """Turn the backend's and the operating system's errors into ours."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise BlobNotFound(f"{key or 'the store'} was not found in the blob store") from error
    except (BaseError, OSError) as error:
        reason = str(error).splitlines()[0][:300]
        if is_full(error) or _FULL_ANSWER.search(str(error)):
            detail = f"the blob store is full, {key!r} was not stored: {reason}"
            raise StoreFull(detail, remedy=MAKE_ROOM) from error
        raise StoreUnavailable(f"the blob store failed on {key!r}: {reason}") from error


def _range(start: int | None, end: int | None) -> "GetOptions | None":
    if end is not None:
        return {"range": (start or 0, end)}
    return {"range": {"offset": start}} if start else None


def _translate_pieces(key: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with translated(key):
        yield from pieces
