"""The folder of one attempt: what the child finds there, and what is carried off afterwards.

The child has no credentials: files in, files out. Layout: ``job.json``, ``inputs/``, and
``phases/<phase>/`` with what each phase left; ``public/`` below a phase is for people.
"""

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.db.queries import datasets, jobs, models
from app.db.session import transaction
from app.domain.catalog import KINDS
from app.domain.datasets import DatasetVersion, parse_reference
from app.domain.jobs import Job
from app.services import blobs
from app.settings import settings
from app.storage import checksums
from app.storage.errors import on_disk

FOLDER = re.compile(r"(job_[0-9a-z]+)-(\d+)-.+")


@contextlib.contextmanager
def folder(job: Job) -> Iterator[Path]:
    """An empty folder that goes when it is left."""
    root = Path(tempfile.mkdtemp(prefix=f"{job.id}-{job.fencing_token}-", dir=settings.scratch_dir))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@on_disk()
def fill(job: Job, root: Path) -> None:
    """Put the inputs and the finished phases' outputs into the folder."""
    (root / "inputs").mkdir()
    with transaction() as db:
        dataset = datasets.by_id(db, str(job.dataset_version_id))
        done = jobs.phases(db, job.id)
        reference = parse_reference(job.spec["model"]) if job.kind == "predict" else None
        model = models.find(db, job.project_id, reference) if reference else None
    if dataset is not None:
        _fetch_dataset(job, dataset, root / "inputs")
    if model is not None:
        _fetch(model.files["package"], root / "inputs" / "model.mmpkg")
    for phase, output in done.items():
        for name, file in output.files.items():
            _fetch(file, root / "phases" / phase / name)
    _describe(job, dataset, root, sorted(done))


def carry_off(job: Job, root: Path, phase: str) -> dict[str, dict[str, Any]]:
    """Put a phase's files into the store; returns key, size and SHA-256 by name."""
    folder = root / "phases" / phase
    return {
        path.relative_to(folder).as_posix(): blobs.put(
            job.project_id, path, checksums.of_file(path)
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def remove_leftovers() -> int:
    """Delete the folders of attempts that have ended or lost their lease; returns how many.

    Other workers may share the disk, other services the folder: the database says which attempts
    are dead, and folders of jobs that it does not know are left alone.
    """
    place = Path(settings.scratch_dir or tempfile.gettempdir())
    found = {path: FOLDER.fullmatch(path.name) for path in place.glob("job_*") if path.is_dir()}
    attempts = {path: (match[1], int(match[2])) for path, match in found.items() if match}
    with transaction() as db:
        dead = jobs.dead_attempts(db, set(attempts.values()))
    leftovers = [path for path, attempt in attempts.items() if attempt in dead]
    for path in leftovers:
        shutil.rmtree(path, ignore_errors=True)
    return len(leftovers)


def _describe(job: Job, dataset: DatasetVersion | None, root: Path, done: list[str]) -> None:
    document = {
        "job_id": job.id,
        "project": job.project_id,
        "request_id": job.request_id,
        "kind": job.kind,
        "spec": job.spec,
        "spec_hash": job.spec_hash,
        "seed": job.seed,
        "attempt": job.attempt,
        "device": "cuda" if job.queue == "gpu" else "cpu",
        "phases": list(KINDS[job.kind].phases),
        "done": done,
        "memory_bytes": settings.child_memory_bytes,
        "dataset": None if dataset is None else asdict(dataset),
    }
    (root / "job.json").write_text(json.dumps(document, default=str))


def _fetch_dataset(job: Job, dataset: DatasetVersion, folder: Path) -> None:
    if job.kind == "ingest":
        _fetch({"key": dataset.raw_key, "sha256": dataset.sha256}, folder / "raw")
        return
    for name, file in dataset.files.items():
        _fetch(file, folder / name)


def _fetch(file: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    blobs.fetch(file, path)
