"""Tells the database that this worker lives, so that callers can see why a job waits."""

import threading

import structlog

from app.db.queries import workers
from app.db.session import transaction
from app.domain.catalog import KNOWN
from app.domain.errors import DependencyUnavailable

log = structlog.get_logger(__name__)

BEAT_SECONDS = 10.0
_stopped = threading.Event()


def start(name: str, queue: str) -> None:
    """Beat in a daemon thread until ``stop``."""
    threading.Thread(target=_beat, args=(name, queue), daemon=True, name="presence").start()


def stop(name: str) -> None:
    """Say goodbye."""
    _stopped.set()
    try:
        with transaction() as db:
            workers.gone(db, name)
    except DependencyUnavailable:
        log.warning("could not say goodbye; the entry ages out")


def _beat(name: str, queue: str) -> None:
    while True:
        try:
            with transaction() as db:
                workers.seen(db, name, queue, KNOWN)
        except DependencyUnavailable:
            log.warning("database unreachable, presence not renewed")
        if _stopped.wait(BEAT_SECONDS):
            return
