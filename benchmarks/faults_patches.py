"""What the fault harness changes in the service's processes. Product code knows none of it.

``FAULTS_CONTROL`` is a folder through which the harness talks to processes that run: the file
``store`` in it names the fault that every store operation meets for as long as it is there.
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from sqlalchemy import ColumnElement, true

from app.domain.jobs import JobStatus
from app.services import blobs
from app.storage.blob import CHUNK_BYTES
from app.storage.errors import StoreUnavailable
from app.storage.local import LocalFolder

CHILD = "benchmarks.faults_child"
NO_FENCING = "FAULTS_NO_FENCING"


def install_store() -> None:
    """Let the process's store meet the faults that the harness asks for."""
    module: Any = blobs
    module.open_store = lambda url, _options=None: FaultyFolder(Path(unquote(urlsplit(url).path)))


def install_child() -> None:
    """Let the scripts' child process run in the place of the real one."""
    from workers import supervisor  # noqa: PLC0415  (the API has no workers)

    module: Any = supervisor
    start = module.Child
    module.Child = lambda root, _module, *more, **named: start(root, CHILD, *more, **named)


def install_no_fencing() -> None:
    """Take the fence out: writes no longer ask for the token, the status or the lease.

    Claims still do: only queued jobs are taken. This is the negative control: what the harness
    finds here, it can find.
    """
    from app.db.queries import moves  # noqa: PLC0415
    from workers.lease import Lease  # noqa: PLC0415

    module, lease = cast("Any", moves), cast("Any", Lease)
    guarded = module.sources

    def owns(_token: int) -> ColumnElement[bool]:
        return true()

    def unguarded(target: JobStatus) -> tuple[JobStatus, ...]:
        kept: tuple[JobStatus, ...] = guarded(target)
        return kept if target is JobStatus.STARTING else tuple(JobStatus)

    module.owns, module.sources, module.LEASED = owns, unguarded, frozenset(JobStatus)
    lease.lost = property(lambda _lease: False, lambda _lease, _value: None)


class FaultyFolder(LocalFolder):
    """The folder store with a disk that fills up, goes away, or answers too late.

    ``full``: half the bytes are written, then ENOSPC. ``down``: nothing works. ``late``: the
    write is done, but the answer is an error.
    """

    def _write(self, key: str, fill: Callable[[BinaryIO], object]) -> None:
        fault = _fault()
        if fault == "full":
            fill = _fill_up
        if fault == "down":
            raise StoreUnavailable(f"{key}: planted fault")
        super()._write(key, fill)
        if fault == "late":
            raise StoreUnavailable(f"{key}: planted fault after the write")

    def stream(
        self, key: str, start: int | None = None, end: int | None = None, chunk: int = CHUNK_BYTES
    ) -> Iterator[bytes]:
        """Read, unless the store is down."""
        if _fault() == "down":
            raise StoreUnavailable(f"{key}: planted fault")
        return super().stream(key, start, end, chunk)


def _fill_up(target: BinaryIO) -> None:
    target.write(b"half a file")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _fault() -> str | None:
    try:
        return (Path(os.environ["FAULTS_CONTROL"]) / "store").read_text()
    except FileNotFoundError:
        return None
