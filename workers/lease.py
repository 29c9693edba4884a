"""Keeps the lease of one attempt alive, in a thread of its own.

A slow upload or a busy child must not cost the lease, so renewing it depends on neither.
"""

import contextvars
import threading
import time
from collections.abc import Callable
from types import TracebackType

import structlog
from sqlalchemy import Connection

from app.db.queries import moves
from app.db.session import transaction
from app.domain.errors import DependencyUnavailable
from app.domain.jobs import Job
from app.settings import settings

log = structlog.get_logger(__name__)

LOG_SECONDS = 10.0


class Lease:
    """While entered, beats every ``heartbeat_seconds``; tells what the job's owner wants of it.

    The database is the judge. Where it has not answered for nearly a lease's length, by whatever
    fault of it, of the network or of this process, the lease counts as lost: another worker may
    hold it by then. ``log_excerpt`` gives the last lines of the job's log; they are kept in the
    database, for the case that this worker is not there to tell.
    """

    def __init__(self, job: Job, log_excerpt: Callable[[], str]) -> None:
        self._job = job
        self._log_excerpt = log_excerpt
        self._log, self._logged = "", time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run,  # the ids in the log are those of the attempt
            args=(self._beat,),
            daemon=True,
            name=f"lease-{job.id}",
        )
        self._progress: float | None = None
        self._renewed = time.monotonic()
        self._refused = False
        self.cancel_requested = False
        self.pause_requested = False

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
        self._thread.join(settings.lease_seconds)

    @property
    def lost(self) -> bool:
        """Whether another worker may hold the job by now: stop, and write nothing more."""
        silent = time.monotonic() - self._renewed
        return self._refused or silent > settings.lease_seconds - settings.heartbeat_seconds

    def report(self, progress: float) -> None:
        """Progress to write with the next beat, a share from 0 to 1."""
        self._progress = progress

    def hear(self, beat: moves.Beat) -> None:
        """Take the owner's wishes from any answer of the database."""
        self.cancel_requested = beat.cancel_requested
        self.pause_requested = beat.pause_requested

    def _beat(self) -> None:
        while not self._refused and not self._stopped.wait(settings.heartbeat_seconds):
            try:
                self._renew()
            except DependencyUnavailable:
                silent = round(time.monotonic() - self._renewed, 1)
                log.warning("lease not renewed", job_id=self._job.id, seconds=silent)

    def _renew(self) -> None:
        asked = time.monotonic()
        progress, self._progress = self._progress, None
        job = self._job
        with transaction() as db:
            beat = moves.beat(db, job.id, job.fencing_token, settings.lease_seconds, progress)
            if beat is not None and asked - self._logged > LOG_SECONDS:
                self._keep_log(db, asked)
        if beat is None:
            self._refused = True
        else:
            self._renewed = asked
            self.hear(beat)

    def _keep_log(self, db: Connection, now: float) -> None:
        excerpt = self._log_excerpt()
        if excerpt != self._log:
            moves.keep_log(db, self._job.id, self._job.fencing_token, excerpt)
        self._log, self._logged = excerpt, now
