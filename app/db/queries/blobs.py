"""Queries on blobs and their users: what lets files be shared, and swept, without a race.

A blob passes through three states. *Announced*: its row is committed before its first byte is
sent, with ``pending_since``. *Used*: the transaction that names it locks the row, so it must
still be there. *Gone*: the row is deleted where nobody uses the blob and nobody has announced it
lately. A key never comes back, so whoever deletes the bytes of a gone one can be late by any time.
"""

from collections.abc import Set
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db.tables import blob, blob_use, project

NOW = func.clock_timestamp()


def announce(db: Connection, project_id: str, sha256: str, size: int, key: str) -> tuple[str, bool]:
    """The key under which a project has this content, and whether the bytes are there already.

    Where it is new, it becomes ``key``. Commit before you write the bytes.
    """
    values = {"project_id": project_id, "sha256": sha256, "size": size, "key": key}
    statement = upsert(blob).values(pending_since=NOW, **values)
    row = db.execute(
        statement.on_conflict_do_update(
            index_elements=["project_id", "sha256"], set_={"pending_since": NOW}
        ).returning(blob.c.key, blob.c.stored_at)
    ).one()
    return row[0], row[1] is not None


def use(db: Connection, owner: str, keys: Set[str]) -> bool:
    """Let ``owner`` use exactly these blobs, whose bytes are written.

    False means that one of them is gone: its writer took longer than the grace time.
    """
    locked = select(blob.c.key).where(blob.c.key.in_(keys)).order_by(blob.c.key).with_for_update()
    if len(db.execute(locked).all()) < len(keys):
        return False
    stored = {"stored_at": func.coalesce(blob.c.stored_at, NOW), "pending_since": None}
    db.execute(update(blob).where(blob.c.key.in_(keys)).values(**stored))
    db.execute(delete(blob_use).where(blob_use.c.owner == owner))
    if keys:
        db.execute(insert(blob_use), [{"owner": owner, "key": key} for key in keys])
    return True


def release(db: Connection, owner: str) -> None:
    """End the uses of an owner, and of what is named ``owner/...``."""
    below = blob_use.c.owner.startswith(f"{owner}/", autoescape=True)
    db.execute(delete(blob_use).where(or_(blob_use.c.owner == owner, below)))


def distrust(db: Connection, key: str) -> None:
    """The bytes were found to be damaged: who brings the same content writes them anew."""
    db.execute(update(blob).where(blob.c.key == key).values(stored_at=None))


def orphans(db: Connection, grace: timedelta, *, after: str, limit: int) -> dict[str, int]:
    """Key and size of blobs behind ``after`` that nobody uses and nobody is about to."""
    query = select(blob.c.key, blob.c.size).where(_orphaned(grace), blob.c.key > after)
    return {row[0]: row[1] for row in db.execute(query.order_by(blob.c.key).limit(limit))}


def forget(db: Connection, keys: Set[str], grace: timedelta) -> dict[str, int]:
    """Delete the rows of those that still are orphans; returns their sizes.

    Nobody can begin to use a locked row, so what the second statement sees stays true.
    """
    locking = select(blob.c.key).where(blob.c.key.in_(keys)).with_for_update(skip_locked=True)
    locked = list(db.execute(locking).scalars())
    statement = delete(blob).where(blob.c.key.in_(locked), _orphaned(grace))
    found = db.execute(statement.returning(blob.c.key, blob.c.size))
    return {row[0]: row[1] for row in found}


def known(db: Connection, keys: Set[str]) -> set[str]:
    """Those keys that have a row."""
    return set(db.execute(select(blob.c.key).where(blob.c.key.in_(keys))).scalars())


def projects(db: Connection) -> list[str]:
    """Whose blobs this database can judge."""
    return list(db.execute(select(project.c.id).order_by(project.c.id)).scalars())


def _orphaned(grace: timedelta) -> ColumnElement[bool]:
    waited = or_(blob.c.pending_since.is_(None), blob.c.pending_since <= NOW - grace)
    return and_(~exists().where(blob_use.c.key == blob.c.key), waited)
