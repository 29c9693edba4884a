"""Keeps the lease of one attempt alive, in a thread of its own.

A slow upload or a busy child must not cost the lease, so renewing it depends on neither.
"""

import contextvars
import threading
import time
from types import TracebackType

import structlog

from app.db.queries import moves
from app.db.session import transaction
from app.domain.errors import DependencyUnavailable
from app.domain.jobs import Job
from app.settings import settings

log = structlog.get_logger(__name__)


class Lease:
    """While entered, beats every ``heartbeat_seconds``; tells if it is lost or a cancel is wanted.

    The database is the judge. Where it cannot be reached for nearly a lease's length, the lease
    counts as lost: another worker may hold it by then.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run,  # the ids in the log are those of the attempt
            args=(self._beat,),
            daemon=True,
            name=f"lease-{job.id}",
        )
        self._progress: float | None = None
        self.lost = False
        self.cancel_requested = False

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def report(self, progress: float) -> None:
        """Progress to write with the next beat, a share from 0 to 1."""
        self._progress = progress

    def _beat(self) -> None:
        renewed = time.monotonic()
        while not self._stopped.wait(settings.heartbeat_seconds):
            try:
                self._renew()
                renewed = time.monotonic()
            except DependencyUnavailable:
                silent = time.monotonic() - renewed
                log.warning("lease not renewed", job_id=self._job.id, seconds=round(silent, 1))
                self.lost = silent > settings.lease_seconds - settings.heartbeat_seconds
            if self.lost:
                return

    def _renew(self) -> None:
        progress, self._progress = self._progress, None
        job = self._job
        with transaction() as db:
            beat = moves.beat(db, job.id, job.fencing_token, settings.lease_seconds, progress)
        if beat is None:
            self.lost = True
        else:
            self.cancel_requested = beat.cancel_requested
