"""The folder of one attempt: what the child finds there, and what is carried off afterwards.

The child has no credentials: files in, files out. Layout: ``job.json``, ``inputs/``, and
``phases/<phase>/`` with what each phase left; ``public/`` below a phase is for people.
"""

import json
import shutil
import tempfile
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


def prepare(job: Job) -> Path:
    """Make the folder and fill it with the inputs and with the finished phases' outputs."""
    root = Path(tempfile.mkdtemp(prefix=f"{job.id}-{job.fencing_token}-", dir=settings.scratch_dir))
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
    return root


def carry_off(job: Job, root: Path, phase: str) -> dict[str, dict[str, Any]]:
    """Put a phase's files into the store; returns key, size and SHA-256 by name."""
    folder = root / "phases" / phase
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(folder).as_posix()
            key = blobs.output_key(job.id, job.fencing_token, phase, name)
            blobs.store().put_file(key, path)
            files[name] = {
                "key": key,
                "size": path.stat().st_size,
                "sha256": checksums.of_file(path),
            }
    return files


def remove(root: Path) -> None:
    """Delete the folder."""
    shutil.rmtree(root, ignore_errors=True)


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
        blobs.store().download(dataset.raw_key, folder / "raw", dataset.sha256)
        return
    for name, file in dataset.files.items():
        _fetch(file, folder / name)


def _fetch(file: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    blobs.store().download(file["key"], path, file["sha256"])
