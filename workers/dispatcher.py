"""Wakes workers over the broker, tidies up, sends webhooks: ``python -m workers.dispatcher``.

It keeps nothing: any number of dispatchers may run, and one that dies loses no job. NOTIFY makes
it quick; the slow poll behind it makes it sure.
"""

import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

import psycopg
import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.db.queries import jobs
from app.db.session import transaction
from app.domain.errors import DependencyUnavailable
from app.logs import configure
from app.queue import outbox
from app.services import sweeper
from app.settings import settings
from workers import deliverer, reaper
from workers.celery_app import celery

log = structlog.get_logger(__name__)

BATCH = 200
BELLS = 100
UNHEARD_SECONDS = 3.0
UNREACHABLE = (OperationalError, RedisError, OSError)
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
    beside = [
        threading.Thread(target=work, args=(stopped,), daemon=True, name=name)
        for name, work in (("webhooks", deliverer.run), ("sweeper", sweeper.keep_running))
    ]
    for thread in beside:
        thread.start()
    while not stopped.is_set():
        try:
            _serve(stopped)
        except (DependencyUnavailable, psycopg.OperationalError) as error:
            log.warning("database unreachable, trying again", error=str(error))
            stopped.wait(1.0)
    beside[0].join(GOODBYE_SECONDS)  # a delivery under way may end; a sweep may be cut anywhere


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
    """Send the calls that are due, as far as bells are missing; returns how many were due."""
    with transaction() as db:
        calls = outbox.take(db, BATCH)
        hinted = jobs.hint(db, again_seconds=settings.hint_again_seconds, limit=BATCH)
    # The send comes after the commit: a message must never be ahead of its job.
    due = dict.fromkeys([*calls, *hinted])
    try:
        _ring(due)
    except UNREACHABLE as error:
        # No loss: they stay queued, and the next poll tries again.
        log.warning("broker unreachable", waiting=len(due), error=str(error))
        with transaction() as db:
            jobs.unhint(db, [job_id for job_id, _ in due])
    return len(due)


def _ring(due: Iterable[tuple[str, str]]) -> None:
    """Send bells for (job, queue), no more than a queue can do with.

    A woken worker goes on while there is work, so bells beyond the number of workers only fill the
    broker.
    """
    by_queue: dict[str, list[str]] = {}
    for job_id, queue in due:
        by_queue.setdefault(queue, []).append(job_id)
    for queue, job_ids in by_queue.items():
        for job_id in job_ids[: max(0, BELLS - _unheard(queue))]:
            _send(job_id, queue)


def _send(job_id: str, queue: str) -> None:
    celery.send_task(RUN_ATTEMPT, args=[job_id], queue=queue, retry=False)


def ring_again() -> None:
    """Find bells that were lost with the broker's memory: it holds none, and yet jobs wait."""
    with transaction() as db:
        waiting = jobs.queues_told(db, UNHEARD_SECONDS)
    try:
        silent = [queue for queue in waiting if not _unheard(queue)]
    except UNREACHABLE:
        return
    if silent:
        with transaction() as db:
            jobs.unhint_queues(db, silent, UNHEARD_SECONDS)


def _unheard(queue: str) -> int:
    """Bells that lie in the broker."""
    with celery.producer_pool.acquire(block=True) as producer:
        channel: Any = producer.channel
        return int(channel.queue_declare(queue).message_count)


if __name__ == "__main__":
    main()
