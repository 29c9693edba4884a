"""Why a job waits, in words, and how many are served before it."""

from dataclasses import dataclass
from datetime import UTC

from sqlalchemy import Connection, func, select

from app.db.queries import claims, jobs, workers
from app.domain import fair_share
from app.domain.jobs import Job, JobStatus
from app.settings import settings


@dataclass(frozen=True, slots=True)
class Place:
    """``ahead`` is an estimate; None for a job that is held back, and so in no line."""

    reason: str | None = None
    ahead: int | None = None


NOWHERE = Place()


def of(db: Connection, job: Job) -> Place:
    """The place of a job; ``NOWHERE`` for one that does not wait."""
    if job.status is not JobStatus.QUEUED:
        return NOWHERE
    held_back = _held_back(db, job)
    if held_back is not None:
        return Place(held_back)
    standings = claims.standings(db, job)
    ahead = claims.n_above(db, job) + fair_share.ahead(job.project_id, standings)
    return Place(_lacking(db, job) or _in_line(ahead), ahead)


def _held_back(db: Connection, job: Job) -> str | None:
    """What keeps the job out of the line."""
    if job.paused_at is not None:
        return f"it is paused: POST /v1/jobs/{job.id}/resume lets it go on"
    if job.run_after is None or job.run_after <= db.execute(select(func.now())).scalar_one():
        return None
    code = jobs.last_failure(db, job.id).get("code", "a part of the service was away")
    return (
        f"try {job.capacity_failures} failed ({code}); "
        f"the next is after {job.run_after.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )


def _lacking(db: Connection, job: Job) -> str | None:
    """What has to happen before it can be served, whatever its place."""
    if not workers.alive(db).get(job.queue):
        return f"no worker for device class {job.queue!r} is connected"
    if not workers.knowing(db, job.queue, job.kind, job.spec_version):
        return (
            f"no connected worker knows version {job.spec_version} of {job.kind!r} jobs; "
            "it waits for workers of a newer release"
        )
    running = claims.n_running(db, job.queue, job.project_id)
    if running >= settings.max_running_jobs:
        return f"the project runs {_jobs(running)} on {job.queue!r}, as many as it may at once"
    return None


def _in_line(ahead: int) -> str:
    return f"{_jobs(ahead)} ahead" if ahead else "a worker will take it next"


def _jobs(n: int) -> str:
    return "1 job" if n == 1 else f"{n} jobs"
