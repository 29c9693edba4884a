"""Blobs in a local folder. obstore reads and lists; writing is ours, because it must fsync."""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from obstore.store import LocalStore

from app.storage import keys
from app.storage.bucket import Bucket, translated

MAX_WRITE_TRIES = 30


class LocalFolder(Bucket):
    """A folder that behaves like a bucket."""

    def __init__(self, folder: Path) -> None:
        with translated(str(folder)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            backend = LocalStore(folder, automatic_cleanup=True)
        super().__init__(backend, folder.absolute().as_uri())
        self._folder = folder

    def put_file(self, key: str, path: Path) -> None:
        """Copy a file in; after the return it outlives a power cut."""
        with path.open("rb") as source:
            self._write(key, lambda target: shutil.copyfileobj(source, target, 1 << 20))

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data``; after the return it outlives a power cut."""
        self._write(key, lambda target: target.write(data))

    def _write(self, key: str, fill: Callable[[BinaryIO], object]) -> None:
        target = self._folder / keys.checked(key)
        with translated(key):
            file, partial = _open_partial(target)
            try:
                with file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(target)
                _sync_folders(target.parent, self._folder)
            finally:
                partial.unlink(missing_ok=True)


def _open_partial(target: Path) -> tuple[BinaryIO, Path]:
    """Create a file beside the target whose name, ending in ``#digits``, obstore never lists.

    A delete may remove the empty folder between our mkdir and our open; then we try again.
    """
    partial = target.with_name(f"{target.name}#{secrets.randbelow(10**12)}")
    for tries_left in reversed(range(MAX_WRITE_TRIES)):
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            return partial.open("xb"), partial
        except (FileNotFoundError, FileExistsError):  # pathlib's mkdir sees the race as "exists"
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _sync_folders(lowest: Path, highest: Path) -> None:
    """Make the new names last, those of folders too that the write has just made."""
    for folder in (lowest, *lowest.parents):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if folder == highest:
            return
