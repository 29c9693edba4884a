"""Who did what: written in the transaction of the act, so neither is there without the other."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from app.db.queries import audit
from app.db.session import transaction
from app.domain.audit import ACTIONS, REFUSED, AuditEntry
from app.domain.callers import Caller
from app.domain.errors import InvalidFilter, nearest
from app.logs import request_id

RESOURCE_LENGTH = 300


def record(db: Connection, caller: Caller, action: str, resource: str) -> None:
    """Note what a caller has done; ``resource`` is the path of what was acted on."""
    _add(db, caller.project_id, caller.key_id, action, resource, "done")


def record_own(db: Connection, project_id: str, action: str, resource: str) -> None:
    """Note what the service itself has done to something of a project."""
    _add(db, project_id, None, action, resource, "done")


def record_refusal(caller: Caller, resource: str) -> None:
    """Note that a key asked for what it may not do, in a transaction of its own."""
    with transaction() as db:
        _add(db, caller.project_id, caller.key_id, REFUSED, resource, "refused")


def page(
    db: Connection,
    caller: Caller,
    *,
    actions: Sequence[str],
    key_id: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[AuditEntry]:
    """Entries of the caller's project, newest first."""
    for action in actions:
        if action not in ACTIONS:
            near = nearest(action, ACTIONS)
            hint = f"did you mean {near!r}?" if near else f"choose among {', '.join(ACTIONS)}"
            raise InvalidFilter(f"there is no action {action!r}", remedy=hint)
    return audit.page(
        db, caller.project_id, actions=actions, key_id=key_id, after=after, limit=limit
    )


def _add(
    db: Connection,
    project_id: str,
    key_id: str | None,
    action: str,
    resource: str,
    outcome: str,
) -> None:
    audit.add(
        db,
        project_id=project_id,
        key_id=key_id,
        action=action,
        resource=resource[:RESOURCE_LENGTH],
        outcome=outcome,
        request_id=request_id(),
    )
