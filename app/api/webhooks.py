"""Routes under /v1/webhooks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.api.deps import Database, WebhooksReader, WebhooksWriter
from app.api.pagination import Cursor, Limit, Page, page, position
from app.api.problems import problems
from app.api.schemas.webhooks import (
    DeliveryOut,
    NewWebhookOut,
    RotationIn,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    delivery_out,
    new_webhook_out,
    webhook_out,
)
from app.domain.errors import NotFound, ScopeMissing, SpecInvalid, StateConflict
from app.domain.webhooks import DeliveryStatus
from app.services import webhooks

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.post(
    "",
    status_code=201,
    operation_id="webhooks_create",
    responses=problems(ScopeMissing, SpecInvalid, StateConflict),
)
def create_webhook(
    body: WebhookIn, caller: WebhooksWriter, db: Database, response: Response
) -> NewWebhookOut:
    """Have events sent to an address. The signing secret is shown in this answer only."""
    made = webhooks.create(db, caller, body.url, body.events, body.description)
    response.headers["Location"] = f"/v1/webhooks/{made[0].id}"
    return new_webhook_out(made)


@router.get("", operation_id="webhooks_list", responses=problems(ScopeMissing))
def list_webhooks(
    caller: WebhooksReader, db: Database, limit: Limit = 50, cursor: Cursor = None
) -> Page[WebhookOut]:
    """Webhooks of the project, newest first."""
    return page(webhooks.page(db, caller, position(cursor), limit + 1), limit, webhook_out)


@router.get("/{webhook_id}", operation_id="webhooks_get", responses=problems(NotFound))
def get_webhook(webhook_id: str, caller: WebhooksReader, db: Database) -> WebhookOut:
    """A webhook: whether it is enabled, how its receiver does, and since when."""
    return webhook_out(webhooks.get(db, caller, webhook_id))


@router.patch(
    "/{webhook_id}",
    operation_id="webhooks_update",
    responses=problems(ScopeMissing, NotFound, SpecInvalid),
)
def update_webhook(
    webhook_id: str, body: WebhookPatch, caller: WebhooksWriter, db: Database
) -> WebhookOut:
    """Change url, events or description, or disable and enable it."""
    return webhook_out(webhooks.change(db, caller, webhook_id, body.changes()))


@router.delete(
    "/{webhook_id}",
    status_code=204,
    operation_id="webhooks_delete",
    responses=problems(ScopeMissing, NotFound),
)
def delete_webhook(webhook_id: str, caller: WebhooksWriter, db: Database) -> None:
    """Delete a webhook with the record of its deliveries."""
    webhooks.remove(db, caller, webhook_id)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="webhooks_rotate_secret",
    responses=problems(ScopeMissing, NotFound),
)
def rotate_secret(
    webhook_id: str, caller: WebhooksWriter, db: Database, body: RotationIn | None = None
) -> NewWebhookOut:
    """A new secret, shown once. For some hours deliveries carry the old signature as well."""
    overlap = (body or RotationIn()).overlap_hours
    return new_webhook_out(webhooks.rotate(db, caller, webhook_id, overlap))


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    operation_id="webhooks_test",
    responses=problems(ScopeMissing, NotFound, StateConflict),
)
def test_webhook(webhook_id: str, caller: WebhooksWriter, db: Database) -> DeliveryOut:
    """Send an event of type `webhook.test`; how it went is at the delivery's `links.self`."""
    return delivery_out(webhooks.test(db, caller, webhook_id))


@router.get(
    "/{webhook_id}/deliveries", operation_id="webhooks_deliveries", responses=problems(NotFound)
)
def list_deliveries(
    webhook_id: str,
    caller: WebhooksReader,
    db: Database,
    status: Annotated[list[DeliveryStatus], Query()] = [],  # noqa: B006  (FastAPI copies it)
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeliveryOut]:
    """What was sent and how it went, newest first; kept for 30 days."""
    found = webhooks.delivery_page(
        db, caller, webhook_id, statuses=status, after=position(cursor), limit=limit + 1
    )
    return page(found, limit, delivery_out)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    operation_id="webhooks_delivery",
    responses=problems(NotFound),
)
def get_delivery(
    webhook_id: str, delivery_id: str, caller: WebhooksReader, db: Database
) -> DeliveryOut:
    """One delivery: its payload, its tries and the last answer's status."""
    return delivery_out(webhooks.delivery(db, caller, webhook_id, delivery_id))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    operation_id="webhooks_replay",
    responses=problems(ScopeMissing, NotFound, StateConflict),
)
def replay_delivery(
    webhook_id: str, delivery_id: str, caller: WebhooksWriter, db: Database
) -> DeliveryOut:
    """Send it again at once, with the same `webhook-id`, whatever became of it before."""
    return delivery_out(webhooks.replay(db, caller, webhook_id, delivery_id))
