"""Queries on the workers that are alive."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db.tables import worker

ALIVE = timedelta(seconds=30)


def seen(db: Connection, name: str, queue: str, knows: Mapping[str, int]) -> None:
    """A worker says that it lives, and up to which spec version it knows each kind of job."""
    values = {"queue": queue, "knows": dict(knows)}
    statement = upsert(worker).values(name=name, **values)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={**values, "seen_at": func.now()}
        )
    )


def gone(db: Connection, name: str) -> None:
    """A worker has left."""
    db.execute(delete(worker).where(worker.c.name == name))


def alive(db: Connection) -> dict[str, int]:
    """Workers by queue."""
    query = (
        select(worker.c.queue, func.count())
        .where(worker.c.seen_at > func.now() - ALIVE)
        .group_by(worker.c.queue)
    )
    return {row[0]: row[1] for row in db.execute(query)}


def knowing(db: Connection, queue: str, kind: str, spec_version: int) -> bool:
    """Whether a living worker of the queue knows such jobs."""
    query = select(worker.c.name).where(
        worker.c.queue == queue,
        worker.c.seen_at > func.now() - ALIVE,
        worker.c.knows[kind].as_integer() >= spec_version,
    )
    return db.execute(query.limit(1)).first() is not None
