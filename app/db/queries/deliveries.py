"""Queries of whoever sends deliveries: lease a receiver, take what is due, write how it went.

Leases are those of jobs: claimed with SKIP LOCKED under a new fencing token that every later
write carries. Who lost the lease matches no row; its delivery is then made once more.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    case,
    cast,
    delete,
    func,
    select,
    text,
    update,
)

from app.db.tables import webhook, webhook_delivery
from app.domain.webhooks import Answer, DeliveryStatus, Letter, Receiver

NOW = func.clock_timestamp()
CHANNEL = "adaptnet_webhooks"

CLAIM = text(
    """
    UPDATE webhook
    SET lease_until = clock_timestamp() + :lease, fencing_token = fencing_token + 1
    WHERE id IN (
        SELECT id FROM webhook
        WHERE disabled_at IS NULL
          AND coalesce(lease_until < clock_timestamp(), true)
          AND coalesce(paused_until < clock_timestamp(), true)
          AND (failures > 0) = :failing
          AND EXISTS (
              SELECT FROM webhook_delivery
              WHERE webhook_id = webhook.id AND status = 'pending' AND next_try_at <= now()
          )
        ORDER BY paused_until NULLS FIRST, id
        LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, project_id, url, fencing_token, failures
    """
)


def ring(db: Connection) -> None:
    """Wake whoever sends, once the transaction commits."""
    db.execute(select(func.pg_notify(CHANNEL, "")))


def claim(db: Connection, *, failing: bool, limit: int, lease_seconds: float) -> list[Receiver]:
    """Lease receivers for whom something is due, among those that fail or those that do not."""
    lease = timedelta(seconds=lease_seconds)
    found = db.execute(CLAIM, {"lease": lease, "failing": failing, "limit": limit})
    return [Receiver(**row) for row in found.mappings()]


def next_due(db: Connection, receiver: Receiver, lease_seconds: float) -> Letter | None:
    """Renew the lease and read the oldest due delivery; None where either is not there."""
    renewed = (
        update(webhook)
        .where(*_owned(receiver), webhook.c.disabled_at.is_(None))
        .values(lease_until=NOW + timedelta(seconds=lease_seconds))
        .returning(
            webhook.c.secret,
            case((webhook.c.old_secret_until > func.now(), webhook.c.old_secret)),
        )
    )
    secrets = db.execute(renewed).one_or_none()
    if secrets is None:
        return None
    table = webhook_delivery
    query = (
        select(
            table.c.id,
            table.c.event_id,
            cast(table.c.payload, String).label("body"),
            table.c.tries,
            NOW.label("at"),
        )
        .where(
            table.c.webhook_id == receiver.id,
            table.c.status == DeliveryStatus.PENDING,
            table.c.next_try_at <= func.now(),
        )
        .order_by(table.c.next_try_at, table.c.id)
        .limit(1)
    )
    row = db.execute(query).one_or_none()
    if row is None:
        return None
    known = tuple(secret for secret in secrets if secret is not None)
    return Letter(row.id, row.event_id, row.body, row.tries, known, row.at)


def release(db: Connection, receiver: Receiver) -> None:
    """End the lease before its time."""
    db.execute(update(webhook).where(*_owned(receiver)).values(lease_until=None))


def delivered(db: Connection, receiver: Receiver, letter: Letter, answer: Answer) -> bool:
    """Write that the receiver has taken it. False: the lease is lost, nothing was written."""
    receiving = {
        "n_delivered": webhook.c.n_delivered + 1,
        "failures": 0,
        "failing_since": None,
        "paused_until": None,
    }
    if not _settle(db, receiver, receiving):
        return False
    _end_try(db, letter, answer, status=DeliveryStatus.DELIVERED)
    return True


def failed(
    db: Connection,
    receiver: Receiver,
    letter: Letter,
    answer: Answer,
    *,
    cool_down_seconds: float,
    pause_seconds: float | None,
) -> bool:
    """Write that a try has failed; without ``pause_seconds`` it was the last one.

    False means that the lease is lost and nothing was written.
    """
    last = pause_seconds is None
    receiving = {
        "n_failed": webhook.c.n_failed + int(last),
        "failures": webhook.c.failures + 1,
        "failing_since": func.coalesce(webhook.c.failing_since, NOW),
        "paused_until": NOW + timedelta(seconds=cool_down_seconds),
    }
    if not _settle(db, receiver, receiving):
        return False
    if last:
        _end_try(db, letter, answer, status=DeliveryStatus.FAILED)
    else:
        _end_try(db, letter, answer, next_try_at=NOW + timedelta(seconds=pause_seconds or 0.0))
    return True


def disable(db: Connection, receiver: Receiver, reason: str, *guards: ColumnElement[bool]) -> bool:
    """Send nothing more to this receiver, if ``guards`` hold."""
    statement = (
        update(webhook)
        .where(*_owned(receiver), webhook.c.disabled_at.is_(None), *guards)
        .values(disabled_at=NOW, disabled_reason=reason)
    )
    return db.execute(statement).rowcount > 0


def hopeless(days: float, failures: int) -> tuple[ColumnElement[bool], ...]:
    """The guards of a receiver that has failed for so long and so often in a row."""
    since = webhook.c.failing_since < NOW - timedelta(days=days)
    return since, webhook.c.failures >= failures


def forget(db: Connection, days: float) -> int:
    """Delete deliveries that ended so long ago; returns how many."""
    table = webhook_delivery
    statement = delete(table).where(
        table.c.status != DeliveryStatus.PENDING, table.c.created_at < NOW - timedelta(days=days)
    )
    return db.execute(statement).rowcount


def _settle(db: Connection, receiver: Receiver, values: dict[str, Any]) -> bool:
    statement = update(webhook).where(*_owned(receiver)).values(**values)
    return db.execute(statement).rowcount > 0


def _end_try(db: Connection, letter: Letter, answer: Answer, **values: object) -> None:
    db.execute(
        update(webhook_delivery)
        .where(webhook_delivery.c.id == letter.delivery_id)
        .values(
            tries=webhook_delivery.c.tries + 1,
            last_try_at=NOW,
            response_status=answer.status,
            error=answer.error,
            **values,
        )
    )


def _owned(receiver: Receiver) -> tuple[ColumnElement[bool], ...]:
    return webhook.c.id == receiver.id, webhook.c.fencing_token == receiver.fencing_token
