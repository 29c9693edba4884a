"""The audit log of the key's project."""

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.client import pages
from app.client.transport import Transport


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which resource. ``key_id`` is None where the service itself acted."""

    id: str
    action: str
    resource: str
    outcome: str
    key_id: str | None
    request_id: str | None
    created_at: str

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "AuditEntry":
        """Read an entry of ``/v1/audit``."""
        return cls(**{name: entry[name] for name in cls.__dataclass_fields__})


class Audit:
    """What was done in the project, and by which key. Needs the scope ``admin``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        limit: int = 50,
        *,
        action: "str | builtins.list[str] | None" = None,
        key_id: str | None = None,
    ) -> "builtins.list[AuditEntry]":
        """The newest entries, of these actions and this key."""
        filters = {"action": action, "key_id": key_id}
        found = pages.rows(self._transport, "/v1/audit", limit, filters)
        return [AuditEntry.from_json(entry) for entry in found]
