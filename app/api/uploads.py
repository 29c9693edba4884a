"""Receives a body to local disk: counted and hashed as it streams, never held in memory."""

import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastapi import Request, UploadFile
from starlette.concurrency import run_in_threadpool

from app.domain.errors import PayloadTooLarge
from app.settings import settings
from app.storage.errors import on_disk

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """A file on this machine's disk, with the SHA-256 of its bytes."""

    path: Path
    sha256: str


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A file that is gone afterwards, whatever happens."""
    with (
        on_disk(),
        tempfile.TemporaryDirectory(prefix="upload-", dir=settings.scratch_dir) as folder,
    ):
        yield Path(folder) / "content"


async def receive_raw(request: Request, path: Path) -> Received:
    """Stream a raw body to ``path``. A declared length over the limit is refused unread."""
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > settings.max_upload_bytes:
        raise _too_large(int(declared))
    return await _write(request.stream(), path)


def receive_part(part: UploadFile, path: Path) -> Received:
    """Copy one multipart file to ``path``."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as target:
        while chunk := part.file.read(CHUNK_BYTES):
            size += len(chunk)
            if size > settings.max_upload_bytes:
                raise _too_large(size)
            digest.update(chunk)
            target.write(chunk)
    return Received(path, digest.hexdigest())


async def _write(stream: AsyncIterator[bytes], path: Path) -> Received:
    """One thread hop a megabyte: hashing in the event loop would delay other requests."""
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    with await run_in_threadpool(path.open, "wb") as target:
        async for chunk in stream:
            size += len(chunk)
            if size > settings.max_upload_bytes:
                raise _too_large(size)
            waiting += chunk
            if len(waiting) >= CHUNK_BYTES:
                await run_in_threadpool(_flush, target, digest, bytes(waiting))
                waiting.clear()
        await run_in_threadpool(_flush, target, digest, bytes(waiting))
    return Received(path, digest.hexdigest())


def _flush(target: BinaryIO, digest: "hashlib._Hash", block: bytes) -> None:
    digest.update(block)
    target.write(block)


def _too_large(size: int) -> PayloadTooLarge:
    limit = settings.max_upload_bytes
    return PayloadTooLarge(
        f"{size} bytes are more than the limit of {limit}",
        remedy="send Parquet instead of CSV, or fewer rows or columns",
        limit_bytes=limit,
    )
