"""Sends wake-up calls to the broker, tidies up after lost workers: ``-m workers.dispatcher``.

It keeps nothing: any number of dispatchers may run, and one that dies loses no job. NOTIFY makes
it quick; the slow poll behind it makes it sure.
"""

import signal
import threading
from types import FrameType

import psycopg
import structlog
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from app.db.queries import jobs
from app.db.session import transaction
from app.domain.errors import DependencyUnavailable
from app.logs import configure
from app.queue import outbox
from app.services import sweeper
from app.settings import settings
from workers import reaper
from workers.celery_app import celery

log = structlog.get_logger(__name__)

BATCH = 200
UNHEARD_SECONDS = 3.0
UNREACHABLE = (OperationalError, RedisError, OSError)
RUN_ATTEMPT = "jobs.run_attempt"


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure(json=settings.log_json)
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sweeping = threading.Thread(target=sweeper.keep_running, args=(stopped,), daemon=True)
    sweeping.start()
    while not stopped.is_set():
        try:
            _serve(stopped)
        except (DependencyUnavailable, psycopg.OperationalError) as error:
            log.warning("database unreachable, trying again", error=str(error))
            stopped.wait(1.0)


def _serve(stopped: threading.Event) -> None:
    """Dispatch on each bell and at each poll, over one listening connection."""
    url = settings.database_url.replace("postgresql+psycopg", "postgresql", 1)
    with psycopg.connect(url, autocommit=True, connect_timeout=3) as listener:
        listener.execute(f"LISTEN {outbox.CHANNEL}")
        while not stopped.is_set():
            dispatch()
            ring_again()
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
    for sent, (job_id, queue) in enumerate(due):
        try:
            _send(job_id, queue)
        except UNREACHABLE as error:
            # No loss: they stay queued. The first of them is what the next poll tries again.
            log.warning("broker unreachable", waiting=len(due) - sent, error=str(error))
            with transaction() as db:
                jobs.unhint(db, [job_id for job_id, _ in due[sent:]])
            break
    return len(due)


def ring_again() -> None:
    """Find calls that were lost with the broker's memory: it holds none, and yet jobs wait."""
    with transaction() as db:
        waiting = jobs.queues_told(db, UNHEARD_SECONDS)
    silent = [queue for queue in waiting if _holds_nothing(queue)]
    if silent:
        with transaction() as db:
            jobs.unhint_queues(db, silent, UNHEARD_SECONDS)


def _send(job_id: str, queue: str) -> None:
    celery.send_task(RUN_ATTEMPT, args=[job_id], queue=queue, retry=False)


def _holds_nothing(queue: str) -> bool:
    try:
        with celery.pool.acquire(block=True) as connection:
            found = connection.default_channel.queue_declare(queue=queue, passive=True)  # type: ignore[attr-defined]
    except ChannelError:
        return True  # a queue that was emptied is no longer there
    except UNREACHABLE:
        return False
    return bool(found.message_count == 0)


if __name__ == "__main__":
    main()
