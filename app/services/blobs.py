"""The process's store: files by project and content, stored once, checked whenever they are read.

A key is ``blobs/<project>/<2 hex digits>/<sha256>-<write>``. See ``app.db.queries.blobs`` for why
the sweeper never takes a file that a row is about to name.
"""

import contextlib
import itertools
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Connection

from app.db.queries import blobs
from app.db.session import transaction
from app.domain.errors import ServiceError
from app.settings import settings
from app.storage import checksums
from app.storage.errors import BlobNotFound, ChecksumMismatch, StoreUnavailable
from app.storage.store import Store, open_store

log = structlog.get_logger(__name__)

PREFIX = "blobs"
DAMAGED = Counter("adaptnet_damaged_blobs", "Stored files that were not as written", registry=None)

File = dict[str, Any]
"""How rows name a file: ``key``, ``size`` and ``sha256``."""


@lru_cache(maxsize=1)
def store() -> Store:
    """The store that the settings name."""
    return open_store(settings.store_url, settings)


def put(project_id: str, path: Path, sha256: str) -> File:
    """Store a file, unless the project has its content already.

    Outside of any transaction. The file is kept for the grace time; ``use`` it by then.
    """
    size = path.stat().st_size
    fresh = f"{PREFIX}/{project_id}/{sha256[:2]}/{sha256}-{secrets.token_hex(8)}"
    with transaction() as db:
        key, there = blobs.announce(db, project_id, sha256, size, fresh)
    # A lost or damaged file is healed by whoever brings its content again.
    if not (there and store().head(key) == size):
        store().put_file(key, path, sha256)
    return {"key": key, "size": size, "sha256": sha256}


def use(db: Connection, owner: str, files: Iterable[Mapping[str, Any]]) -> None:
    """Let ``owner`` use these files and no others, in the transaction that names them."""
    keys = {file["key"] for file in files if is_counted(file["key"])}
    if not blobs.use(db, owner, keys):
        raise StoreUnavailable(
            "storing took longer than the grace time, and the files are swept",
            remedy="try again",
        )


def release(db: Connection, owner: str) -> None:
    """End all uses of an owner. ``free`` the files once that is committed."""
    blobs.release(db, owner)


def free(keys: Mapping[str, int]) -> int:
    """Delete those files that nobody uses any longer; returns the bytes freed.

    What cannot be deleted now is swept later.
    """
    with transaction() as db:
        counted = blobs.forget(db, {key for key in keys if is_counted(key)}, _grace())
    gone = counted | {key: size for key, size in keys.items() if not is_counted(key)}
    freed = 0
    for key, size in gone.items():
        try:
            store().delete(key)
            freed += size
        except ServiceError:
            log.warning("blob not deleted, the sweeper will", key=key)
    return freed


def is_counted(key: str) -> bool:
    """False for files of before uses were counted: they lie under their owner's name."""
    return key.startswith(f"{PREFIX}/")


def read(file: Mapping[str, Any], max_bytes: int) -> bytes:
    """A small file."""
    with _judged(file["key"]):
        return store().get_bytes(file["key"], max_bytes, file["sha256"])


def fetch(file: Mapping[str, Any], path: Path) -> None:
    """Copy a file to ``path``."""
    with _judged(file["key"]):
        store().download(file["key"], path, file["sha256"])


def stream(file: Mapping[str, Any], start: int, end: int) -> Iterator[bytes]:
    """The bytes ``start`` to ``end`` (exclusive), cut out of the whole file, which is checked.

    The last piece comes only when the whole file has proved right; before that the iterator
    raises, and a response that has begun breaks off short of its length. Missing files, and small
    ones that are damaged, are reported here.
    """
    with _judged(file["key"]):
        whole = store().stream(file["key"])
    pieces = _cut(_checked(file, whole), start, end)
    return itertools.chain([next(pieces, b"")], pieces)


def _checked(file: Mapping[str, Any], pieces: Iterator[bytes]) -> Iterator[bytes]:
    with _judged(file["key"]):
        yield from checksums.verified(file["key"], pieces, file["sha256"])


def _cut(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    """Hold the last piece back until the rest of the file has been read as well."""
    position, held = 0, b""
    for piece in pieces:
        part = piece[max(0, start - position) : max(0, end - position)]
        position += len(piece)
        if part:
            if held:
                yield held
            held = part
    yield held


@contextlib.contextmanager
def _judged(key: str) -> Iterator[None]:
    """Log and count a file that is not as it was written, and have it written anew some day."""
    try:
        yield
    except (ChecksumMismatch, BlobNotFound) as error:
        DAMAGED.inc()
        log.error("stored file damaged", key=key, code=error.code)  # noqa: TRY400  (no trace needed)
        with contextlib.suppress(ServiceError), transaction() as db:
            blobs.distrust(db, key)
        raise


def _grace() -> timedelta:
    return timedelta(seconds=settings.sweep_grace_seconds)
