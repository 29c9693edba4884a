"""The vocabulary of the audit log: who did what to which resource."""

from dataclasses import dataclass
from datetime import datetime

REFUSED = "access.refused"
ACTIONS = (
    "key.created",
    "key.revoked",
    "dataset.uploaded",
    "dataset.corrected",
    "dataset.deleted",
    "job.submitted",
    "job.cancelled",
    "job.paused",
    "job.resumed",
    "model.downloaded",
    "model.deleted",
    "webhook.created",
    "webhook.updated",
    "webhook.deleted",
    "webhook.secret_rotated",
    "webhook.tested",
    "webhook.replayed",
    "webhook.disabled",
    REFUSED,
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. ``key_id`` and ``request_id`` are None where the service itself acted.

    ``resource`` is the path of what was acted on; ``outcome`` is ``done`` or ``refused``.
    """

    id: str
    project_id: str
    key_id: str | None
    action: str
    resource: str
    outcome: str
    request_id: str | None
    created_at: datetime
