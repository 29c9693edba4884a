"""Datasets and jobs made the short way, for tests that are about something else."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app.db.queries import moves
from app.db.session import transaction
from app.db.tables import attempt
from app.domain.callers import Caller
from app.domain.datasets import DatasetVersion
from app.domain.ids import new_id
from app.domain.jobs import Job
from app.services import datasets
from app.services import jobs as job_service
from app.settings import settings
from app.storage import checksums
from workers import supervisor

ROWS = "".join(f"{i},{(i * 7) % 13},{'ab'[i % 2]},{i * 2.5}\n" for i in range(80))
CSV = "id,x,group,y\n" + ROWS


def upload(
    caller: Caller, folder: Path, content: str | bytes = CSV, name: str = "d"
) -> DatasetVersion:
    """A dataset version that waits to be parsed."""
    path = folder / "content"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    stored = datasets.store_upload(caller, path, "data.csv", checksums.of_file(path))
    with transaction() as db:
        version, _ = datasets.add_version(db, caller, name, stored)
    return version


def job_values(project_id: str, **changes: object) -> dict[str, Any]:
    """The row of a job that nobody asked for over the API."""
    plain = {
        "id": new_id("job"),
        "project_id": project_id,
        "kind": "analyze",
        "queue": "cpu",
        "spec": {"kind": "analyze", "dataset": "d"},
        "spec_hash": "0",
        "max_attempts": settings.max_attempts,
        "max_wall_seconds": 600,
        "expires_at": func.now() + timedelta(days=1),
    }
    return plain | changes


def read_job(caller: Caller, job_id: str) -> Job:
    """The job as it stands."""
    with transaction() as db:
        return job_service.get(db, caller, job_id)


def events_of(caller: Caller, job_id: str) -> list[str]:
    """The types of the job's events in order."""
    with transaction() as db:
        return [event.type for event in job_service.events_after(db, caller, job_id, 0, 1000)]


def exits_of(job_id: str) -> list[str | None]:
    """How the processes of the job's attempts ended."""
    with transaction() as db:
        found = db.execute(
            select(attempt.c.exit_reason)
            .where(attempt.c.job_id == job_id)
            .order_by(attempt.c.fencing_token)
        )
        return list(found.scalars())


def claim(job_id: str, worker: str = "test", lease_seconds: float = 30.0) -> Job:
    """Claim a queued job, which must succeed."""
    with transaction() as db:
        job = moves.claim(db, job_id, worker, lease_seconds)
    assert job is not None
    return job


def work_off(job_id: str) -> None:
    """Run one attempt here, with a real child process."""
    supervisor.run(claim(job_id), threading.Event())
