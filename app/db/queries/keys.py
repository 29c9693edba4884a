"""Queries on projects, API keys and idempotency keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db.tables import api_key, idempotency_key, project
from app.domain.callers import ApiKey
from app.domain.ids import new_id

KEY = [api_key.c[name] for name in ApiKey.__dataclass_fields__]


def ensure_project(db: Connection, name: str) -> str:
    """The project's id; makes it where it does not exist."""
    statement = upsert(project).values(id=new_id("prj"), name=name).on_conflict_do_nothing()
    db.execute(statement)
    return str(db.execute(select(project.c.id).where(project.c.name == name)).scalar_one())


def add(db: Connection, values: dict[str, Any]) -> ApiKey:
    """Store a key by the hash of its secret."""
    row = db.execute(insert(api_key).values(**values).returning(*KEY)).mappings().one()
    return ApiKey(**row)


def usable(db: Connection, key_id: str) -> dict[str, Any] | None:
    """A key that is neither revoked nor expired, with its project's name and secret hash."""
    query = (
        select(
            api_key.c.project_id,
            api_key.c.secret_sha256,
            api_key.c.scopes,
            api_key.c.last_used_at,
            project.c.name,
        )
        .join(project, project.c.id == api_key.c.project_id)
        .where(
            api_key.c.id == key_id,
            api_key.c.revoked_at.is_(None),
            func.coalesce(api_key.c.expires_at > func.now(), True),
        )
    )
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def touch(db: Connection, key_id: str) -> None:
    """Note that the key was used; at most once a minute, to spare the row."""
    stale = func.coalesce(
        api_key.c.last_used_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 1), True
    )
    db.execute(update(api_key).where(api_key.c.id == key_id, stale).values(last_used_at=func.now()))


def of_project(db: Connection, project_id: str) -> list[ApiKey]:
    """All keys of a project, newest first."""
    query = select(*KEY).where(api_key.c.project_id == project_id)
    ordered = query.order_by(api_key.c.created_at.desc(), api_key.c.id.desc())
    return [ApiKey(**row) for row in db.execute(ordered).mappings()]


def revoke(db: Connection, project_id: str, key_id: str) -> datetime | None:
    """End a key's life. None means that the project has no such key."""
    statement = (
        update(api_key)
        .where(api_key.c.project_id == project_id, api_key.c.id == key_id)
        .values(revoked_at=func.coalesce(api_key.c.revoked_at, func.now()))
        .returning(api_key.c.revoked_at)
    )
    return db.execute(statement).scalar_one_or_none()


def reserve(
    db: Connection, project_id: str, key: str, fingerprint: str, resource_id: str
) -> tuple[str, str] | None:
    """Bind an Idempotency-Key to a resource, or give the (fingerprint, resource) it has.

    A request with the same key that is still in its transaction makes this one wait.
    """
    values = {
        "project_id": project_id,
        "key": key,
        "fingerprint": fingerprint,
        "resource_id": resource_id,
    }
    statement = upsert(idempotency_key).values(**values).on_conflict_do_nothing()
    if db.execute(statement.returning(idempotency_key.c.key)).scalar_one_or_none() is not None:
        return None
    query = select(idempotency_key.c.fingerprint, idempotency_key.c.resource_id).where(
        idempotency_key.c.project_id == project_id, idempotency_key.c.key == key
    )
    row = db.execute(query).one()
    return row[0], row[1]
