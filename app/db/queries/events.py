"""Queries on the history of jobs."""

from typing import Any

from sqlalchemy import Connection, func, insert, select

from app.db import rows
from app.db.tables import event
from app.domain.jobs import Event

CHANNEL = "adaptnet_events"


def append(db: Connection, job_id: str, seq: int, kind: str, data: dict[str, Any]) -> None:
    """Write the entry whose number the job row has just handed out, and wake the readers.

    The number comes from the same transaction's UPDATE of the job, so there are no gaps. The time
    is that of this statement, behind the UPDATE's lock: the transaction may have begun before
    another one that wrote first.
    """
    now = func.clock_timestamp()
    db.execute(insert(event).values(job_id=job_id, seq=seq, type=kind, data=data, created_at=now))
    notify(db, job_id)


def notify(db: Connection, job_id: str) -> None:
    """Wake whoever waits for news of this job, once the transaction commits."""
    db.execute(select(func.pg_notify(CHANNEL, job_id)))


def after(db: Connection, job_id: str, seq: int, limit: int) -> list[Event]:
    """Entries behind ``seq`` in order."""
    query = (
        select(*rows.EVENT)
        .where(event.c.job_id == job_id, event.c.seq > seq)
        .order_by(event.c.seq)
        .limit(limit)
    )
    return [rows.event(row) for row in db.execute(query).mappings()]
