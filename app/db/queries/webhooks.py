"""Queries on webhooks and on their deliveries as people see them. Sending is in ``deliveries``."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from app.db import rows
from app.db.tables import webhook, webhook_delivery
from app.domain.ids import new_id
from app.domain.webhooks import TEST_EVENT, Delivery, DeliveryStatus, Webhook

UTC_NOW = func.to_char(func.timezone("UTC", func.now()), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')


def add(db: Connection, values: dict[str, Any]) -> Webhook:
    """Insert a webhook."""
    statement = insert(webhook).values(**values).returning(*rows.WEBHOOK)
    return rows.webhook(db.execute(statement).mappings().one())


def count(db: Connection, project_id: str) -> int:
    """Webhooks of a project."""
    query = select(func.count()).select_from(webhook).where(webhook.c.project_id == project_id)
    return db.execute(query).scalar_one()


def get(db: Connection, project_id: str, webhook_id: str) -> Webhook | None:
    """One webhook of one project."""
    query = select(*rows.WEBHOOK).where(
        webhook.c.project_id == project_id, webhook.c.id == webhook_id
    )
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else rows.webhook(row)


def page(
    db: Connection, project_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> list[Webhook]:
    """Webhooks of a project, newest first, from behind the cursor."""
    query = select(*rows.WEBHOOK).where(webhook.c.project_id == project_id)
    if after is not None:
        query = query.where(tuple_(webhook.c.created_at, webhook.c.id) < tuple_(*after))
    query = query.order_by(webhook.c.created_at.desc(), webhook.c.id.desc()).limit(limit)
    return [rows.webhook(row) for row in db.execute(query).mappings()]


def change(
    db: Connection, project_id: str, webhook_id: str, values: dict[str, Any]
) -> Webhook | None:
    """Set columns. None means that the project has no such webhook."""
    statement = (
        update(webhook)
        .where(webhook.c.project_id == project_id, webhook.c.id == webhook_id)
        .values(**values)
        .returning(*rows.WEBHOOK)
    )
    row = db.execute(statement).mappings().one_or_none()
    return None if row is None else rows.webhook(row)


def rotate(
    db: Connection, project_id: str, webhook_id: str, secret: str, overlap: timedelta
) -> Webhook | None:
    """Set a new secret; the one before signs along until the overlap is over."""
    values = {
        "secret": secret,
        "old_secret": webhook.c.secret,
        "old_secret_until": func.now() + overlap,
    }
    return change(db, project_id, webhook_id, values)


def remove(db: Connection, project_id: str, webhook_id: str) -> bool:
    """Delete a webhook with its deliveries. False means that there is none."""
    statement = delete(webhook).where(
        webhook.c.project_id == project_id, webhook.c.id == webhook_id
    )
    return db.execute(statement).rowcount > 0


def add_test(db: Connection, hook: Webhook) -> Delivery:
    """A delivery of an event that says nothing but that it is a test."""
    payload = func.jsonb_build_object(
        *("type", TEST_EVENT, "timestamp", UTC_NOW),
        *("data", func.jsonb_build_object("webhook_id", hook.id)),
    )
    statement = (
        insert(webhook_delivery)
        .values(
            id=new_id("dlv"),
            project_id=hook.project_id,
            webhook_id=hook.id,
            event_id=new_id("evt"),
            event_type=TEST_EVENT,
            payload=payload,
        )
        .returning(*rows.WEBHOOK_DELIVERY)
    )
    return rows.webhook_delivery(db.execute(statement).mappings().one())


def delivery(db: Connection, webhook_id: str, delivery_id: str) -> Delivery | None:
    """One delivery of one webhook."""
    query = select(*rows.WEBHOOK_DELIVERY).where(
        webhook_delivery.c.webhook_id == webhook_id, webhook_delivery.c.id == delivery_id
    )
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else rows.webhook_delivery(row)


def deliveries(
    db: Connection,
    webhook_id: str,
    *,
    statuses: Sequence[DeliveryStatus],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Delivery]:
    """Deliveries of a webhook, newest first, from behind the cursor."""
    table = webhook_delivery
    query = select(*rows.WEBHOOK_DELIVERY).where(table.c.webhook_id == webhook_id)
    if statuses:
        query = query.where(table.c.status.in_(statuses))
    if after is not None:
        query = query.where(tuple_(table.c.created_at, table.c.id) < tuple_(*after))
    query = query.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
    return [rows.webhook_delivery(row) for row in db.execute(query).mappings()]


def replay(db: Connection, webhook_id: str, delivery_id: str) -> Delivery | None:
    """Make a delivery due at once, with all its tries ahead of it."""
    statement = (
        update(webhook_delivery)
        .where(webhook_delivery.c.webhook_id == webhook_id, webhook_delivery.c.id == delivery_id)
        .values(status=DeliveryStatus.PENDING, tries=0, next_try_at=func.now())
        .returning(*rows.WEBHOOK_DELIVERY)
    )
    row = db.execute(statement).mappings().one_or_none()
    return None if row is None else rows.webhook_delivery(row)
