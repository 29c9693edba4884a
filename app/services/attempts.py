"""How attempts and jobs end. Everything here runs inside one fenced transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from app.db.queries import datasets, jobs, models, moves
from app.domain.jobs import Job, JobStatus, PhaseOutput
from app.services import estimates
from app.settings import settings

DOWNLOADS = {
    "package": "public/model.mmpkg",
    "onnx": "public/model.onnx",
    "safetensors": "public/model.safetensors",
}


AGAIN = "upload the file again"
PARSING_CANCELLED = {"code": "cancelled", "message": "the parsing was cancelled", "hint": AGAIN}
PARSING_EXPIRED = {"code": "queue_timeout", "message": "no worker took it in time", "hint": AGAIN}


def succeed(db: Connection, job: Job, result: Mapping[str, Any]) -> bool:
    """The job's last transaction: its model or dataset, and ``succeeded``.

    False means that the lease was lost and nothing was written.
    """
    values: dict[str, Any] = {"result": dict(result), "progress": 1.0, "phase": None}
    outputs = jobs.phases(db, job.id)
    values["usage"] = _usage(db, job, outputs)
    if job.kind == "train":
        values["model_version_id"] = _register(db, job, outputs, result)
    data = {"model_version": values.get("model_version_id")} if job.kind == "train" else {}
    moved = moves.move(
        db, job.id, JobStatus.SUCCEEDED, moves.owns(job.fencing_token), data=data, **values
    )
    if moved is None:
        return False
    if job.kind == "ingest":
        files = {n: f for n, f in outputs["ingest"].files.items() if not n.startswith("public/")}
        datasets.settle(db, job.id, {"status": "ready", "files": files, **result})
    moves.end_attempt(db, job.id, job.fencing_token, "succeeded", {})
    return True


def _usage(db: Connection, job: Job, outputs: Mapping[str, PhaseOutput]) -> dict[str, Any]:
    """What the job took, and whether nine of ten would have."""
    peaks = [o.peak_memory_bytes for o in outputs.values() if o.peak_memory_bytes is not None]
    used = {
        "seconds": round(jobs.attempts_seconds(db, job.id), 3),
        "memory_bytes": max(peaks, default=None),
        "attempts": job.attempt,
    }
    return {**used, "within_p90": estimates.within(job.estimate, used, "p90")}


def fail(db: Connection, job: Job, error: Mapping[str, Any]) -> bool:
    """End a job as failed, with an error that says who has to act and how."""
    document = {"attempt": job.attempt, "phase": job.phase, **error}
    shown = {key: document.get(key) for key in ("code", "owner", "phase", "message", "hint")}
    guard = moves.owns(job.fencing_token)
    if not moves.move(db, job.id, JobStatus.FAILED, guard, data=shown, error=document):
        return False
    settle_dataset(db, job, document)
    moves.end_attempt(db, job.id, job.fencing_token, "failed", document)
    return True


def cancelled(db: Connection, job: Job) -> bool:
    """End a job that its owner wanted to end."""
    if not moves.move(db, job.id, JobStatus.CANCELLED, moves.owns(job.fencing_token)):
        return False
    settle_dataset(db, job, PARSING_CANCELLED)
    moves.end_attempt(db, job.id, job.fencing_token, "cancelled", {})
    return True


def expire(db: Connection, job_id: str) -> None:
    """End a job, if it has waited longer than its owner allows."""
    reason = {"reason": "queue_timeout"}
    job = moves.move(db, job_id, JobStatus.EXPIRED, moves.OVERDUE, data=reason)
    if job is not None:
        settle_dataset(db, job, PARSING_EXPIRED)


def retry_or_fail(db: Connection, job: Job, error: Mapping[str, Any], cost: moves.Cost) -> bool:
    """Another attempt after an end that is not the user's, while any are left.

    A crash counts apart: a job that kills its worker is stopped after ``max_crashes``, so that it
    cannot take the workers down for ever. A job that lacks a dependency waits, longer and longer,
    until its queue timeout; a drained or paused one pays nothing.
    """
    if job.status is JobStatus.CANCELLING:
        return cancelled(db, job)
    used_up = job.crashes + 1 > settings.max_crashes or job.attempt >= job.max_attempts
    if cost == "crash" and used_up:
        return fail(db, job, error)
    guard = moves.owns(job.fencing_token)
    if moves.requeue(db, job.id, guard, reason=str(error["code"]), cost=cost) is None:
        return cancelled(db, job)  # if that was asked for meanwhile, and the job is still ours
    moves.end_attempt(db, job.id, job.fencing_token, "retried", dict(error))
    return True


def reap(db: Connection, job: Job) -> bool:
    """End the attempt of a worker that let its lease run out.

    The lease is read again under a row lock, so a beat that came in between wins.
    """
    if not moves.lock_lost(db, job.id, job.fencing_token):
        return False
    moves.note_exit(db, job.id, job.fencing_token, "lease ran out")
    error = {
        "code": "worker_lost",
        "owner": "service",
        "message": "the worker stopped renewing its lease",
        "hint": "submit it again; if it stays, send us the job's id and its log_excerpt",
        "log_excerpt": jobs.log_excerpt(db, job.id, job.fencing_token),
    }
    return retry_or_fail(db, job, error, "crash")


def _register(
    db: Connection, job: Job, outputs: Mapping[str, PhaseOutput], result: Mapping[str, Any]
) -> str:
    package = outputs["package"].files
    files = {
        name: {**package[path], "filename": path.removeprefix("public/")}
        for name, path in DOWNLOADS.items()
        if path in package
    }
    values = {
        "job_id": job.id,
        "dataset_version_id": job.dataset_version_id,
        "files": files,
        "summary": dict(result),
    }
    return models.register(db, job.project_id, result["register_as"], values).id


def settle_dataset(db: Connection, job: Job, error: Mapping[str, Any]) -> None:
    """Close the dataset version whose parsing ends without a table."""
    if job.kind != "ingest":
        return
    crashed = error.get("code") == "worker_crashed"
    problem = {
        "code": "damaged_file" if crashed else error.get("code"),
        "message": error.get("message"),
        "remedy": "write the file again, best with another tool" if crashed else error.get("hint"),
        "severity": "error",
        "count": 1,
    }
    problems = error.get("problems") or [problem]
    datasets.settle(db, job.id, {"status": "invalid", "problems": problems})
