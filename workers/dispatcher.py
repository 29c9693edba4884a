"""Wakes workers over the broker, tidies up, sends webhooks: ``python -m workers.dispatcher``.

It keeps nothing: any number of dispatchers may run, and one that dies loses no job. NOTIFY makes
it quick; the slow poll behind it makes it sure.
"""

import signal
import threading
from types import FrameType

import psycopg
import structlog

from app.db.queries import jobs
from app.db.session import transaction
from app.domain.errors import DependencyUnavailable
from app.logs import configure
from app.queue import outbox
from app.settings import settings
from workers import deliverer, reaper
from workers.celery_app import celery

log = structlog.get_logger(__name__)

BATCH = 200
RUN_ATTEMPT = "jobs.run_attempt"
GOODBYE_SECONDS = 5.0


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure(json=settings.log_json)
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    webhooks = threading.Thread(target=deliverer.run, args=(stopped,), daemon=True, name="webhooks")
    webhooks.start()
    while not stopped.is_set():
        try:
            _serve(stopped)
        except (DependencyUnavailable, psycopg.OperationalError) as error:
            log.warning("database unreachable, trying again", error=str(error))
            stopped.wait(1.0)
    webhooks.join(GOODBYE_SECONDS)


def _serve(stopped: threading.Event) -> None:
    """Dispatch on each bell and at each poll, over one listening connection."""
    url = settings.database_url.replace("postgresql+psycopg", "postgresql", 1)
    with psycopg.connect(url, autocommit=True, connect_timeout=3) as listener:
        listener.execute(f"LISTEN {outbox.CHANNEL}")
        while not stopped.is_set():
            dispatch()
            reaper.tidy()
            for _ in listener.notifies(timeout=settings.dispatch_poll_seconds, stop_after=1):
                pass


def dispatch() -> int:
    """Send all calls that are due; returns how many."""
    with transaction() as db:
        calls = outbox.take(db, BATCH)
        hinted = jobs.hint(db, again_seconds=settings.hint_again_seconds, limit=BATCH)
    # The send comes after the commit: a message must never be ahead of its job.
    due = list(dict.fromkeys([*hinted, *calls]))
    for job_id, queue in due:
        _send(job_id, queue)
    return len(due)


def _send(job_id: str, queue: str) -> None:
    try:
        celery.send_task(RUN_ATTEMPT, args=[job_id], queue=queue, retry=False)
    except celery.connection_for_write().recoverable_connection_errors as error:
        # No loss: the job stays queued and is hinted at again.
        log.warning("broker unreachable", job_id=job_id, error=str(error))


if __name__ == "__main__":
    main()
