"""What callers do with webhooks."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func

from app.db.queries import deliveries, webhooks
from app.domain.callers import Caller
from app.domain.errors import NotFound, StateConflict
from app.domain.ids import new_id
from app.domain.webhooks import Delivery, DeliveryStatus, Webhook, check_events, check_url
from app.services import audit
from app.settings import settings

SECRET_BYTES = 32
BY_OWNER = "disabled by its owner"


def create(
    db: Connection, caller: Caller, url: str, events: Sequence[str], description: str | None
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which no answer shows again."""
    check_url(url, allow_private=settings.webhook_allow_private)
    check_events(events)
    if webhooks.count(db, caller.project_id) >= settings.max_webhooks:
        raise StateConflict(
            f"the project has {settings.max_webhooks} webhooks, which is the most",
            remedy="delete one that is not needed, or change its url",
        )
    secret = _new_secret()
    values = {
        "id": new_id("whk"),
        "project_id": caller.project_id,
        "url": url,
        "events": list(events),
        "description": description,
        "secret": secret,
    }
    made = webhooks.add(db, values)
    audit.record(db, caller, "webhook.created", _path(made.id))
    return made, secret


def get(db: Connection, caller: Caller, webhook_id: str) -> Webhook:
    """One webhook of the caller's project, or ``NotFound``."""
    return _found(webhooks.get(db, caller.project_id, webhook_id), webhook_id)


def page(
    db: Connection, caller: Caller, after: tuple[datetime, str] | None, limit: int
) -> list[Webhook]:
    """Webhooks of the caller's project, newest first."""
    return webhooks.page(db, caller.project_id, after=after, limit=limit)


def change(db: Connection, caller: Caller, webhook_id: str, changes: dict[str, Any]) -> Webhook:
    """Set url, events, description or enabled. Enabling forgets the failures so far.

    Events that come while a webhook is disabled are not kept for it; what waited goes on waiting.
    """
    if "url" in changes:
        check_url(changes["url"], allow_private=settings.webhook_allow_private)
    if "events" in changes:
        check_events(changes["events"])
    values = {name: value for name, value in changes.items() if name != "enabled"}
    if changes.get("enabled") is True:
        values |= {"disabled_at": None, "disabled_reason": None, "paused_until": None}
        values |= {"failures": 0, "failing_since": None}
    elif changes.get("enabled") is False:
        values |= {"disabled_at": func.now(), "disabled_reason": BY_OWNER}
    if not values:
        return get(db, caller, webhook_id)
    changed = _found(webhooks.change(db, caller.project_id, webhook_id, values), webhook_id)
    audit.record(db, caller, "webhook.updated", _path(webhook_id))
    deliveries.ring(db)
    return changed


def rotate(
    db: Connection, caller: Caller, webhook_id: str, overlap_hours: float
) -> tuple[Webhook, str]:
    """A new secret. For ``overlap_hours`` every delivery carries both signatures."""
    secret, overlap = _new_secret(), timedelta(hours=overlap_hours)
    rotated = webhooks.rotate(db, caller.project_id, webhook_id, secret, overlap)
    audit.record(db, caller, "webhook.secret_rotated", _path(webhook_id))
    return _found(rotated, webhook_id), secret


def remove(db: Connection, caller: Caller, webhook_id: str) -> None:
    """Delete a webhook with the record of its deliveries."""
    if not webhooks.remove(db, caller.project_id, webhook_id):
        raise NotFound("webhook", webhook_id)
    audit.record(db, caller, "webhook.deleted", _path(webhook_id))


def test(db: Connection, caller: Caller, webhook_id: str) -> Delivery:
    """Send an event of type ``webhook.test``, whatever the webhook listens to."""
    hook = _enabled(get(db, caller, webhook_id))
    made = webhooks.add_test(db, hook)
    audit.record(db, caller, "webhook.tested", _path(webhook_id))
    deliveries.ring(db)
    return made


def delivery(db: Connection, caller: Caller, webhook_id: str, delivery_id: str) -> Delivery:
    """One delivery, or ``NotFound``."""
    get(db, caller, webhook_id)
    return _found_delivery(webhooks.delivery(db, webhook_id, delivery_id), webhook_id, delivery_id)


def delivery_page(
    db: Connection,
    caller: Caller,
    webhook_id: str,
    *,
    statuses: Sequence[DeliveryStatus],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Delivery]:
    """Deliveries of one webhook, newest first."""
    get(db, caller, webhook_id)
    return webhooks.deliveries(db, webhook_id, statuses=statuses, after=after, limit=limit)


def replay(db: Connection, caller: Caller, webhook_id: str, delivery_id: str) -> Delivery:
    """Send a delivery again, at once and with the same ``webhook-id``."""
    _enabled(get(db, caller, webhook_id))
    due = webhooks.replay(db, webhook_id, delivery_id)
    due = _found_delivery(due, webhook_id, delivery_id)
    webhooks.change(db, caller.project_id, webhook_id, {"paused_until": None})
    audit.record(db, caller, "webhook.replayed", f"{_path(webhook_id)}/deliveries/{delivery_id}")
    deliveries.ring(db)
    return due


def _enabled(hook: Webhook) -> Webhook:
    if hook.disabled_at is not None:
        raise StateConflict(
            f"the webhook is disabled: {hook.disabled_reason}",
            remedy=f'enable it first: PATCH {_path(hook.id)} {{"enabled": true}}',
        )
    return hook


def _found(hook: Webhook | None, webhook_id: str) -> Webhook:
    if hook is None:
        raise NotFound("webhook", webhook_id)
    return hook


def _found_delivery(found: Delivery | None, webhook_id: str, delivery_id: str) -> Delivery:
    if found is None:
        raise NotFound("delivery", delivery_id, listed_at=f"{_path(webhook_id)}/deliveries")
    return found


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _path(webhook_id: str) -> str:
    return f"/v1/webhooks/{webhook_id}"
