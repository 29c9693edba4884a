"""Blobs in a local folder. obstore reads and lists; writing is ours, because it must fsync."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from obstore.store import LocalStore

from app.storage import checksums, keys
from app.storage.bucket import Bucket, translated

MAX_WRITE_TRIES = 30


class LocalFolder(Bucket):
    """A folder that behaves like a bucket."""

    def __init__(self, folder: Path) -> None:
        with translated(str(folder)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._partial = folder / ".partial"
            self._partial.mkdir(exist_ok=True, mode=0o700)
            backend = LocalStore(folder, automatic_cleanup=True)
        super().__init__(backend, folder.absolute().as_uri())
        self._folder = folder

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Copy a file in; after the return it outlives a power cut."""
        path.stat()  # a missing source is no missing blob
        pieces = checksums.verified(key, checksums.pieces_of(path), sha256)
        self._write(key, lambda target: target.writelines(pieces))

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data``; after the return it outlives a power cut."""
        self._write(key, lambda target: target.write(data))

    def _write(self, key: str, fill: Callable[[BinaryIO], object]) -> None:
        target = self._folder / keys.checked(key)
        # A name that ends in ``#digits`` is one that obstore never lists.
        partial = self._partial / f"{secrets.token_hex(8)}#{secrets.randbelow(10**12)}"
        with translated(key):
            try:
                with partial.open("xb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                _rename(partial, target)
                _sync_folders(target.parent, self._folder)
            finally:
                partial.unlink(missing_ok=True)

    def remove_partial(self, older_than_seconds: float) -> int:
        """Remove what killed writers have left. One that still writes then fails, and repeats."""
        removed = 0
        with translated(".partial"):
            for path in self._partial.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > older_than_seconds:
                        path.unlink()
                        removed += 1
        return removed


def _rename(partial: Path, target: Path) -> None:
    """A delete may remove the empty folder between our mkdir and our rename: then once more."""
    for tries_left in reversed(range(MAX_WRITE_TRIES)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
        except (FileNotFoundError, FileExistsError):  # pathlib's mkdir sees the race as "exists"
            if not tries_left:
                raise
        else:
            return


def _sync_folders(lowest: Path, highest: Path) -> None:
    """Make the new names last, those of folders too that the write has just made.

    A folder that is gone went with the file, which somebody deleted right after it was written.
    """
    for folder in (lowest, *lowest.parents):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        if folder == highest:
            return
