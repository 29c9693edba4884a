"""Queries on the audit log, which only grows: a trigger refuses everything but inserts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, tuple_

from app.db import rows
from app.db.tables import audit_entry
from app.domain.audit import AuditEntry
from app.domain.ids import new_id


def add(db: Connection, **values: str | None) -> None:
    """Append an entry in the transaction of the act itself."""
    db.execute(insert(audit_entry).values(id=new_id("aud"), **values))


def page(
    db: Connection,
    project_id: str,
    *,
    actions: Sequence[str],
    key_id: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[AuditEntry]:
    """Entries of a project, newest first, from behind the cursor."""
    query = select(*rows.AUDIT_ENTRY).where(audit_entry.c.project_id == project_id)
    if actions:
        query = query.where(audit_entry.c.action.in_(actions))
    if key_id is not None:
        query = query.where(audit_entry.c.key_id == key_id)
    if after is not None:
        query = query.where(tuple_(audit_entry.c.created_at, audit_entry.c.id) < tuple_(*after))
    query = query.order_by(audit_entry.c.created_at.desc(), audit_entry.c.id.desc()).limit(limit)
    return [rows.audit_entry(row) for row in db.execute(query).mappings()]
