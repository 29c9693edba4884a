"""The one function that changes a job's status, and the fenced writes beside it.

Every write names the status it expects and, where a worker writes, the fencing token that its
claim was given. A writer that lost its lease matches no row and so changes nothing. The only
clock is the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql import func

from app.db import rows
from app.db.queries import events
from app.db.tables import attempt, job, outbox, phase_output
from app.domain.jobs import LEASED, TERMINAL, Job, JobStatus, sources

NOW = func.clock_timestamp()


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to a heartbeat: the lease is renewed, and the owner may want the job stopped."""

    cancel_requested: bool


def move(
    db: Connection,
    job_id: str,
    target: JobStatus,
    *guards: ColumnElement[bool],
    data: Mapping[str, Any] | None = None,
    **values: object,
) -> Job | None:
    """Move a job to ``target`` if an edge leads there from where it stands and ``guards`` hold.

    Writes the event ``job.<target>`` with ``data``. None means that nothing was changed.
    """
    if target in TERMINAL:
        values = {"finished_at": NOW, "lease_until": None, "worker": None, **values}
    statement = (
        update(job)
        .where(job.c.id == job_id, job.c.status.in_(sources(target)), *guards)
        .values(status=target, seq=job.c.seq + 1, **values)
        .returning(*rows.JOB)
    )
    row = db.execute(statement).mappings().one_or_none()
    if row is None:
        return None
    moved = rows.job(row)
    events.append(db, job_id, moved.seq, f"job.{target}", dict(data or {}))
    return moved


def owns(token: int) -> ColumnElement[bool]:
    """The guard of every write by a worker."""
    return job.c.fencing_token == token


def claim(db: Connection, job_id: str, worker: str, lease_seconds: float) -> Job | None:
    """Take a queued job under a new fencing token. None means that there is nothing to do."""
    claimed = move(
        db,
        job_id,
        JobStatus.STARTING,
        job.c.attempt < job.c.max_attempts,
        data={"worker": worker},
        attempt=job.c.attempt + 1,
        fencing_token=job.c.fencing_token + 1,
        lease_until=NOW + timedelta(seconds=lease_seconds),
        worker=worker,
        started_at=func.coalesce(job.c.started_at, NOW),
    )
    if claimed is not None:
        db.execute(
            insert(attempt).values(
                job_id=job_id,
                fencing_token=claimed.fencing_token,
                number=claimed.attempt,
                worker=worker,
            )
        )
    return claimed


def beat(
    db: Connection, job_id: str, token: int, lease_seconds: float, progress: float | None
) -> Beat | None:
    """Renew the lease. None means that it is lost: stop, and write nothing more."""
    values: dict[str, Any] = {"lease_until": NOW + timedelta(seconds=lease_seconds)}
    if progress is not None:
        values["progress"] = progress
    statement = (
        update(job)
        .where(job.c.id == job_id, owns(token), job.c.status.in_(LEASED))
        .values(**values)
        .returning(job.c.cancel_requested_at)
    )
    row = db.execute(statement).one_or_none()
    if row is None:
        return None
    if progress is not None:
        events.notify(db, job_id)
    return Beat(cancel_requested=row[0] is not None)


def record(
    db: Connection, job_id: str, token: int, kind: str, data: Mapping[str, Any], **values: object
) -> bool:
    """Append an event of a running attempt. False means that the lease is lost."""
    statement = (
        update(job)
        .where(job.c.id == job_id, owns(token), job.c.status.in_(LEASED))
        .values(seq=job.c.seq + 1, **values)
        .returning(job.c.seq)
    )
    seq = db.execute(statement).scalar_one_or_none()
    if seq is None:
        return False
    events.append(db, job_id, seq, kind, dict(data))
    return True


def complete_phase(
    db: Connection, job_id: str, token: int, phase: str, output: Mapping[str, Any]
) -> bool:
    """Store what a phase left. ``output`` has files, headline and seconds."""
    data = {"phase": phase, "seconds": output["seconds"], "headline": output["headline"]}
    if not record(db, job_id, token, "job.phase_completed", data):
        return False
    values = {"fencing_token": token, **output}
    statement = upsert(phase_output).values(job_id=job_id, phase=phase, **values)
    db.execute(statement.on_conflict_do_update(index_elements=["job_id", "phase"], set_=values))
    return True


def lock_lost(db: Connection, job_id: str, token: int) -> bool:
    """Lock the row if the lease of this token has run out; it stays so until the commit."""
    query = (
        select(job.c.id)
        .where(job.c.id == job_id, owns(token), job.c.status.in_(LEASED), job.c.lease_until < NOW)
        .with_for_update(skip_locked=True)
    )
    return db.execute(query).scalar_one_or_none() is not None


def requeue(
    db: Connection, job_id: str, *guards: ColumnElement[bool], reason: str, cost: str
) -> Job | None:
    """Give a job back to the queue. A new token shuts the old attempt out at once.

    ``cost`` is what the job pays: ``crash``, ``attempt`` or ``nothing``. An attempt that ended
    for lack of a dependency waits for the slow poll instead of burning the others at once.
    """
    requeued = move(
        db,
        job_id,
        JobStatus.QUEUED,
        *guards,
        data={"reason": reason},
        fencing_token=job.c.fencing_token + 1,
        crashes=job.c.crashes + int(cost == "crash"),
        attempt=job.c.attempt - int(cost == "nothing"),
        worker=None,
        lease_until=None,
        hinted_at=NOW if cost == "attempt" else None,
        queued_at=NOW,
    )
    if requeued is not None and cost != "attempt":
        ring(db, requeued)
    return requeued


def ring(db: Connection, queued: Job) -> None:
    """Leave a wake-up call in the outbox and ring the dispatcher's bell at the commit."""
    db.execute(insert(outbox).values(job_id=queued.id, queue=queued.queue))
    db.execute(func.pg_notify("adaptnet_outbox", queued.queue).select())


def end_attempt(
    db: Connection, job_id: str, token: int, outcome: str, detail: Mapping[str, Any]
) -> None:
    """Note how an attempt ended; the job's status is moved separately."""
    db.execute(
        update(attempt)
        .where(
            attempt.c.job_id == job_id,
            attempt.c.fencing_token == token,
            attempt.c.ended_at.is_(None),
        )
        .values(ended_at=NOW, outcome=outcome, detail=dict(detail))
    )
