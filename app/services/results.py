"""What a job's finished phases have left: documents and files."""

import json
from typing import Any

from sqlalchemy import Connection

from app.db.queries import jobs
from app.domain.callers import Caller
from app.domain.catalog import KINDS
from app.domain.errors import NotFound, PhaseNotReached, StateConflict
from app.services import blobs
from app.services.jobs import get as get_job

MAX_DOCUMENT_BYTES = 16 << 20


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


def document(db: Connection, caller: Caller, job_id: str, phase: str) -> dict[str, Any]:
    """The JSON document of a phase, ``public/<phase>.json``.

    Raises ``PhaseNotReached`` before the phase is done, ``StateConflict`` where the job's kind
    has no such phase or the job ended without it.
    """
    job = get_job(db, caller, job_id)
    if phase not in KINDS[job.kind].phases:
        raise StateConflict(
            f"a job of kind {job.kind!r} has no phase {phase!r}",
            remedy=f"its phases are {', '.join(KINDS[job.kind].phases)}",
        )
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
    file = output.files[f"public/{phase}.json"]
    parsed: dict[str, Any] = json.loads(blobs.store().get_bytes(file["key"], MAX_DOCUMENT_BYTES))
    return parsed
