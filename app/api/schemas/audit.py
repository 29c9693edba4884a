"""Answers about the audit log."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.domain.audit import AuditEntry


class AuditEntryOut(BaseModel):
    """One act: who did what to which resource, and when."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    action: str
    resource: str = Field(description="The path of what was acted on")
    outcome: str = Field(description="`done`, or `refused` where the key lacked a scope")
    key_id: str | None = Field(description="Null where the service itself acted")
    request_id: str | None
    created_at: datetime


def audit_entry_out(entry: AuditEntry) -> AuditEntryOut:
    """An entry as callers see it."""
    return AuditEntryOut.model_validate(entry)
