"""Ends what nobody will end: attempts without a lease, jobs that waited too long."""

import structlog

from app.db.queries import jobs
from app.db.session import transaction
from app.services import attempts

log = structlog.get_logger(__name__)


def tidy() -> None:
    """One round. Each job has a transaction of its own, so one cannot hold up the others."""
    with transaction() as db:
        lost, overdue = jobs.lost(db), jobs.overdue(db)
    for job in lost:
        with transaction() as db:
            if attempts.reap(db, job):
                ids = {"job_id": job.id, "attempt": job.attempt, "request_id": job.request_id}
                log.warning("lease ran out", worker=job.worker, **ids)
    for job_id in overdue:
        with transaction() as db:
            attempts.expire(db, job_id)
