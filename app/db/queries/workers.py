"""Queries on the workers that are alive."""

from datetime import timedelta

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db.tables import worker

ALIVE = timedelta(seconds=30)


def seen(db: Connection, name: str, queue: str) -> None:
    """A worker says that it lives."""
    statement = upsert(worker).values(name=name, queue=queue)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"queue": queue, "seen_at": func.now()}
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
