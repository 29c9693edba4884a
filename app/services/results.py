"""What a job's finished phases have left: documents and files."""

import json
from typing import Any

from sqlalchemy import Connection

from app.db.queries import jobs
from app.domain.callers import Caller
from app.domain.catalog import KINDS, PUBLIC
from app.domain.errors import DocumentNotMade, NotFound, PhaseNotReached, StateConflict
from app.services import blobs
from app.services.jobs import get as get_job

MAX_DOCUMENT_BYTES = 16 << 20

DOCUMENTS: dict[str, tuple[str, ...]] = {
    "intrinsic-dimension": ("dimension",),
    "structure": ("structure",),
    "invariance": ("invariance",),
    "advice": ("architecture",),
    "double-descent": ("double_descent",),
    "comparison": ("evaluate", "benchmark"),
    "loss-surface": ("loss_surface",),
    "forecast": ("forecast",),
    "report": ("report",),
}
"""Public name of a document, and the phases of which one leaves it as ``public/<phase>.json``."""


def artifacts(db: Connection, caller: Caller, job_id: str) -> dict[str, dict[str, Any]]:
    """Files for people, by name: plots, tables, reports, the package."""
    get_job(db, caller, job_id)
    found: dict[str, dict[str, Any]] = {}
    for output in jobs.phases(db, job_id).values():
        for path, file in output.files.items():
            if path.startswith("public/"):
                found[path.removeprefix("public/")] = {**file, "phase": output.phase}
    return found


def artifact(db: Connection, caller: Caller, job_id: str, name: str) -> dict[str, Any]:
    """One file for people."""
    found = artifacts(db, caller, job_id)
    if name not in found:
        raise NotFound("artifact", name, found)
    return found[name]


def phase_of(kind: str, name: str) -> str | None:
    """The phase of a job kind that leaves a document, or None."""
    return next((phase for phase in DOCUMENTS[name] if phase in KINDS[kind].phases), None)


def document(db: Connection, caller: Caller, job_id: str, name: str) -> dict[str, Any]:
    """A job's JSON document by its public name. Raises as ``document_file`` does."""
    file = document_file(db, caller, job_id, name, "json")
    parsed: dict[str, Any] = json.loads(blobs.read(file, MAX_DOCUMENT_BYTES))
    return parsed


def document_file(
    db: Connection, caller: Caller, job_id: str, name: str, suffix: str
) -> dict[str, Any]:
    """Key, size and SHA-256 of a job's document in one format.

    Raises ``DocumentNotMade`` where the job's kind makes none, ``PhaseNotReached`` before its
    phase is done, ``StateConflict`` where the job ended without it.
    """
    job = get_job(db, caller, job_id)
    phase = phase_of(job.kind, name)
    if phase is None:
        makers = [kind for kind in PUBLIC if phase_of(kind, name)]
        raise DocumentNotMade(job.kind, name, makers)
    output = jobs.phases(db, job_id).get(phase)
    if output is None and job.terminal:
        raise StateConflict(
            f"the job ended as {job.status} before the phase {phase!r}",
            remedy=f"see GET /v1/jobs/{job_id} for the reason",
        )
    if output is None:
        raise PhaseNotReached(
            f"the job is in phase {job.phase!r}",
            remedy=f"wait for the event job.phase_completed of {phase!r}",
            available_after_phase=phase,
        )
    found: dict[str, Any] = output.files[f"public/{phase}.{suffix}"]
    return found
