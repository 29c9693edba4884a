"""Routes under /v1/audit."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import Admin, Database
from app.api.pagination import Cursor, Limit, Page, page, position
from app.api.problems import problems
from app.api.schemas.audit import AuditEntryOut, audit_entry_out
from app.domain.errors import InvalidCursor, InvalidFilter, ScopeMissing
from app.services import audit

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get(
    "",
    operation_id="audit_list",
    responses=problems(ScopeMissing, InvalidFilter, InvalidCursor),
)
def list_entries(
    caller: Admin,
    db: Database,
    action: Annotated[list[str], Query()] = [],  # noqa: B006  (FastAPI copies it)
    key_id: Annotated[str | None, Query(max_length=60)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditEntryOut]:
    """Who did what in this project, newest first; `action` may be given several times."""
    entries = audit.page(
        db, caller, actions=action, key_id=key_id, after=position(cursor), limit=limit + 1
    )
    return page(entries, limit, audit_entry_out)
