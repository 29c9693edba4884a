"""What callers do with datasets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Connection, func

from app.db.queries import datasets, jobs, moves
from app.domain.callers import Caller
from app.domain.catalog import KINDS
from app.domain.datasets import DatasetVersion, parse_reference
from app.domain.errors import InUse, NotFound, ServiceError
from app.domain.ids import new_id
from app.domain.jobs import Job
from app.domain.kinds.ingest import IngestSpec
from app.logs import request_id
from app.services import audit, blobs, once
from app.settings import settings

log = structlog.get_logger(__name__)

PARSE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived: counted, hashed and stored, not yet looked into."""

    version_id: str
    key: str
    filename: str
    size_bytes: int
    sha256: str


def store_upload(path: Path, filename: str, sha256: str) -> Upload:
    """Put a received file into the store under a new dataset version's id.

    Outside of any transaction: a blob that no row names is swept, a row without its blob is not.
    """
    version_id = new_id("dsv")
    key = blobs.raw_key(version_id)
    blobs.store().put_file(key, path)
    return Upload(version_id, key, filename, path.stat().st_size, sha256)


def add_version(
    db: Connection,
    caller: Caller,
    name: str,
    upload: Upload,
    *,
    corrections: dict[str, str] | None = None,
    idempotency_key: str | None = None,
) -> tuple[DatasetVersion, bool]:
    """A new version of the dataset ``name`` and the job that parses it.

    Returns the version and whether it is the answer to a repeated request.
    """
    corrections = corrections or {}
    fingerprint = f"{name} {upload.sha256} {sorted(corrections.items())}"
    earlier = once.first_answer(
        db, caller.project_id, idempotency_key, fingerprint, upload.version_id
    )
    if earlier is not None:
        blobs.store().delete(upload.key)
        return get(db, caller, earlier), True
    version = _add(db, caller, name, upload, corrections)
    audit.record(db, caller, "dataset.uploaded", _path(version))
    return version, False


def correct(
    db: Connection, caller: Caller, reference: str, corrections: dict[str, str]
) -> DatasetVersion:
    """A new version over the same bytes, with some columns' types set by the caller."""
    old = get(db, caller, reference)
    upload = Upload(new_id("dsv"), old.raw_key, old.filename, old.size_bytes, old.sha256)
    version = _add(db, caller, old.name, upload, {**old.corrections, **corrections})
    audit.record(db, caller, "dataset.corrected", _path(version))
    return version


def get(db: Connection, caller: Caller, reference: str) -> DatasetVersion:
    """A version by ``name``, ``name@3``, ``name@latest`` or id; ``NotFound`` names the nearest."""
    found = datasets.find(db, caller.project_id, parse_reference(reference))
    if found is None:
        raise NotFound("dataset", reference, datasets.names(db, caller.project_id))
    return found


def versions(db: Connection, caller: Caller, name: str) -> list[DatasetVersion]:
    """All versions of a dataset, newest first."""
    return datasets.versions(db, caller.project_id, name)


def page(
    db: Connection, caller: Caller, after: tuple[datetime, str] | None, limit: int
) -> list[DatasetVersion]:
    """Versions, newest first."""
    return datasets.page(db, caller.project_id, after=after, limit=limit)


def remove(db: Connection, caller: Caller, name: str) -> list[DatasetVersion]:
    """Delete a dataset with all versions, unless an unfinished job reads it."""
    found = datasets.versions(db, caller.project_id, name)
    if not found:
        raise NotFound("dataset", name, datasets.names(db, caller.project_id))
    users = jobs.using_dataset(db, [version.id for version in found])
    if users:
        raise InUse(
            f"{len(users)} unfinished jobs read dataset {name!r}",
            remedy="cancel them or wait for their end",
            users=users[:20],
        )
    datasets.remove(db, caller.project_id, name)
    audit.record(db, caller, "dataset.deleted", f"/v1/datasets/{name}")
    return found


def free(removed: list[DatasetVersion]) -> int:
    """Delete the blobs of removed versions; returns the bytes freed."""
    freed = 0
    keys = {version.raw_key: version.size_bytes for version in removed}
    for version in removed:
        keys |= {file["key"]: file["size"] for file in version.files.values()}
    for key, size in keys.items():
        try:
            blobs.store().delete(key)
            freed += size
        except ServiceError:
            log.warning("blob not deleted, the sweeper will", key=key)
    return freed


def _add(
    db: Connection, caller: Caller, name: str, upload: Upload, corrections: dict[str, str]
) -> DatasetVersion:
    dataset_id, number = datasets.next_version(db, caller.project_id, name)
    job = _parse_job(db, caller, upload.version_id)
    values = {
        "id": upload.version_id,
        "project_id": caller.project_id,
        "dataset_id": dataset_id,
        "name": name,
        "version": number,
        "job_id": job.id,
        "filename": upload.filename,
        "size_bytes": upload.size_bytes,
        "sha256": upload.sha256,
        "raw_key": upload.key,
        "corrections": corrections,
    }
    return datasets.add_version(db, values)


def _path(version: DatasetVersion) -> str:
    return f"/v1/datasets/{version.name}@{version.version}"


def _parse_job(db: Connection, caller: Caller, version_id: str) -> Job:
    spec = IngestSpec(dataset=version_id)
    job = jobs.create(
        db,
        {
            "id": new_id("job"),
            "project_id": caller.project_id,
            "kind": spec.kind,
            "queue": KINDS[spec.kind].queue(spec.compute),
            "request_id": request_id(),
            "spec": spec.model_dump(mode="json"),
            "spec_hash": spec.fingerprint(),
            "dataset_version_id": version_id,
            "max_attempts": settings.max_attempts,
            "max_wall_seconds": PARSE_SECONDS,
            "expires_at": func.now() + timedelta(days=1),
        },
    )
    moves.ring(db, job)
    return job
