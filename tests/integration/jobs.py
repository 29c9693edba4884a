"""Datasets and jobs made the short way, for tests that are about something else."""

import threading
from pathlib import Path

from app.db.queries import moves
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.datasets import DatasetVersion
from app.domain.jobs import Job
from app.services import datasets
from app.services import jobs as job_service
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


def read_job(caller: Caller, job_id: str) -> Job:
    """The job as it stands."""
    with transaction() as db:
        return job_service.get(db, caller, job_id)


def events_of(caller: Caller, job_id: str) -> list[str]:
    """The types of the job's events in order."""
    with transaction() as db:
        return [event.type for event in job_service.events_after(db, caller, job_id, 0, 1000)]


def claim(job_id: str, worker: str = "test", lease_seconds: float = 30.0) -> Job:
    """Claim a queued job, which must succeed."""
    with transaction() as db:
        job = moves.claim(db, job_id, worker, lease_seconds)
    assert job is not None
    return job


def work_off(job_id: str) -> None:
    """Run one attempt here, with a real child process."""
    supervisor.run(claim(job_id), threading.Event())
