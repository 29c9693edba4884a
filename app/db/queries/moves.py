"""The one function that changes a job's status, and the fenced writes beside it.

Every write names the status it expects and, where a worker writes, the fencing token that its
claim was given. A writer that lost its lease matches no row and so changes nothing. The only
clock is the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql import func

from app.db import rows
from app.db.queries import events
from app.db.tables import attempt, job, outbox, phase_output
from app.domain.jobs import LEASED, TERMINAL, Job, JobStatus, sources

NOW = func.clock_timestamp()

CLAIMABLE = and_(
    job.c.status == JobStatus.QUEUED,
    job.c.paused_at.is_(None),
    or_(job.c.run_after.is_(None), job.c.run_after <= NOW),
)

OVERDUE = and_(
    job.c.status == JobStatus.QUEUED,
    job.c.paused_at.is_(None),
    job.c.expires_at < NOW,
)
"""Waits longer than its owner allows; the clock of a paused job stops."""

WISHES = (job.c.cancel_requested_at.is_not(None), job.c.paused_at.is_not(None))
"""What the owner wants of a running job, in the order of ``Beat``."""

MAX_BACK_OFF_SECONDS = 300
"""Attempts that fail for lack of a dependency wait up to 1, 2, 4 ... seconds, and never longer."""

Cost = Literal["crash", "wait", "nothing"]
"""What an attempt that is given back costs its job: one of its crashes, some time, or nothing."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to a worker that still owns its job: what the job's owner wants of it."""

    cancel_requested: bool
    pause_requested: bool


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
    if target in TERMINAL:
        ring_next(db, moved.queue)
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
        CLAIMABLE,
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
    statement = update(job).where(*_held(job_id, token)).values(**values).returning(*WISHES)
    row = db.execute(statement).one_or_none()
    if row is None:
        return None
    if progress is not None:
        events.notify(db, job_id)
    return Beat(*row)


def record(
    db: Connection, job_id: str, token: int, kind: str, data: Mapping[str, Any], **values: object
) -> Beat | None:
    """Append an event of a running attempt. None means that the lease is lost."""
    statement = (
        update(job)
        .where(*_held(job_id, token))
        .values(seq=job.c.seq + 1, **values)
        .returning(job.c.seq, *WISHES)
    )
    row = db.execute(statement).one_or_none()
    if row is None:
        return None
    events.append(db, job_id, row[0], kind, dict(data))
    return Beat(*row[1:])


def complete_phase(
    db: Connection, job_id: str, token: int, phase: str, output: Mapping[str, Any]
) -> Beat | None:
    """Store what a phase left. ``output`` has files, headline and seconds.

    A worker that never got the answer may repeat it: the phase still ends once.
    """
    place = {"job_id": job_id, "phase": phase}
    values = {"fencing_token": token, **output}
    if db.execute(select(phase_output).filter_by(**place, fencing_token=token)).first():
        row = db.execute(select(*WISHES).where(*_held(job_id, token))).one_or_none()
        return None if row is None else Beat(*row)
    data = {"phase": phase, "seconds": output["seconds"], "headline": output["headline"]}
    beat = record(db, job_id, token, "job.phase_completed", data, capacity_failures=0)
    if beat is not None:
        statement = upsert(phase_output).values(**place, **values)
        db.execute(statement.on_conflict_do_update(index_elements=[*place], set_=values))
    return beat


def lock_lost(db: Connection, job_id: str, token: int) -> bool:
    """Lock the row if the lease of this token has run out; it stays so until the commit."""
    query = (
        select(job.c.id)
        .where(*_held(job_id, token), job.c.lease_until < NOW)
        .with_for_update(skip_locked=True)
    )
    return db.execute(query).scalar_one_or_none() is not None


def requeue(
    db: Connection, job_id: str, *guards: ColumnElement[bool], reason: str, cost: Cost
) -> Job | None:
    """Give a job back to the queue. A new token shuts the old attempt out at once.

    It keeps its place among its project's jobs, and the time that it was not in the queue does not
    count as waiting. One that waits for a dependency is rung for by the dispatcher, in time.
    """
    running = select(NOW - attempt.c.started_at).where(
        attempt.c.job_id == job.c.id, attempt.c.fencing_token == job.c.fencing_token
    )
    requeued = move(
        db,
        job_id,
        JobStatus.QUEUED,
        *guards,
        data={"reason": reason},
        fencing_token=job.c.fencing_token + 1,
        crashes=job.c.crashes + int(cost == "crash"),
        attempt=job.c.attempt - int(cost != "crash"),
        capacity_failures=job.c.capacity_failures + int(cost == "wait"),
        run_after=_back_off() if cost == "wait" else None,
        worker=None,
        lease_until=None,
        hinted_at=None,
        queued_at=NOW,
        expires_at=job.c.expires_at + func.coalesce(running.scalar_subquery(), timedelta()),
    )
    if requeued is not None:
        ring_next(db, requeued.queue)
    return requeued


def pause(db: Connection, job_id: str, *guards: ColumnElement[bool]) -> Job | None:
    """Hold a job back: in the queue at once, else at the next end of a phase."""
    stops = (job.c.paused_at.is_(None), job.c.status.not_in((*TERMINAL, JobStatus.CANCELLING)))
    return _note(db, job_id, "job.paused", *stops, *guards, paused_at=NOW)


def resume(db: Connection, job_id: str, *guards: ColumnElement[bool]) -> Job | None:
    """Let a paused job go on. The time that it was held back in the queue is not waiting."""
    held_back = NOW - func.greatest(job.c.paused_at, job.c.queued_at)
    expires = case(
        (job.c.status == JobStatus.QUEUED, job.c.expires_at + held_back), else_=job.c.expires_at
    )
    stands = (job.c.paused_at.is_not(None), job.c.status.not_in(TERMINAL))
    return _note(db, job_id, "job.resumed", *stands, *guards, paused_at=None, expires_at=expires)


def ring(db: Connection, queued: Job) -> None:
    """Leave a wake-up call in the outbox and ring the dispatcher's bell at the commit."""
    db.execute(insert(outbox).values(job_id=queued.id, queue=queued.queue))
    db.execute(func.pg_notify("adaptnet_outbox", queued.queue).select())


def ring_next(db: Connection, queue: str) -> None:
    """Ring for whatever job of the queue may be claimed now; none may be.

    Whoever changes a job that others wait behind, by taking it out of the queue or by giving its
    worker free, rings in the same transaction: no free worker is left waiting for the slow poll.
    """
    waiting = select(job.c.id, job.c.queue).where(CLAIMABLE, job.c.queue == queue).limit(1)
    called = db.execute(insert(outbox).from_select(["job_id", "queue"], waiting))
    if called.rowcount:
        db.execute(func.pg_notify("adaptnet_outbox", queue).select())


def end_attempt(
    db: Connection, job_id: str, token: int, outcome: str, detail: Mapping[str, Any]
) -> None:
    """Note how an attempt ended; the job's status is moved separately."""
    _of_attempt(db, job_id, token, ended_at=NOW, outcome=outcome, detail=dict(detail))


def note_exit(db: Connection, job_id: str, token: int, reason: str) -> None:
    """Note how an attempt's process ended."""
    _of_attempt(db, job_id, token, exit_reason=reason)


def keep_log(db: Connection, job_id: str, token: int, excerpt: str) -> None:
    """Keep the last lines of an attempt's log, in case its worker is not there to tell."""
    _of_attempt(db, job_id, token, log_excerpt=excerpt)


def _of_attempt(db: Connection, job_id: str, token: int, **values: object) -> None:
    here = (attempt.c.job_id == job_id, attempt.c.fencing_token == token)
    db.execute(update(attempt).where(*here, attempt.c.ended_at.is_(None)).values(**values))


def _held(job_id: str, token: int) -> tuple[ColumnElement[bool], ...]:
    """The guards of every write by a worker: the job is held, and by this attempt."""
    return (job.c.id == job_id, owns(token), job.c.status.in_(LEASED))


def _note(
    db: Connection, job_id: str, kind: str, *guards: ColumnElement[bool], **values: object
) -> Job | None:
    """Change a job that stays where it is, with an event. None means that nothing was changed."""
    statement = (
        update(job)
        .where(job.c.id == job_id, *guards)
        .values(seq=job.c.seq + 1, **values)
        .returning(*rows.JOB)
    )
    row = db.execute(statement).mappings().one_or_none()
    if row is None:
        return None
    noted = rows.job(row)
    events.append(db, job_id, noted.seq, kind, {})
    if noted.status is JobStatus.QUEUED:
        ring_next(db, noted.queue)
    return noted


def _back_off() -> ColumnElement[datetime]:
    """Full jitter: any moment up to a limit that doubles with every failure in a row."""
    doubled = func.power(2, func.least(job.c.capacity_failures, 16))
    seconds = func.random() * func.least(doubled, MAX_BACK_OFF_SECONDS)
    return NOW + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
