"""How deliveries are taken and how they end. One function is one transaction of its own."""

from app.db.queries import deliveries
from app.db.session import transaction
from app.domain.webhooks import (
    MAX_TRIES,
    Answer,
    Letter,
    Receiver,
    cool_down_seconds,
    pause_seconds,
)
from app.services import audit
from app.settings import settings

LEASE_SECONDS = 30.0
KEPT_DAYS = 30.0
FAILURES_TO_DISABLE = 2 * MAX_TRIES
GONE = "the receiver answered 410 Gone"


def claim(sound: int, failing: int) -> list[Receiver]:
    """Lease receivers for whom something is due: so many sound and so many failing ones.

    The two are apart, so that receivers which hang never take all the places.
    """
    with transaction() as db:
        return [
            receiver
            for of_failing, limit in ((False, sound), (True, failing))
            for receiver in deliveries.claim(
                db, failing=of_failing, limit=limit, lease_seconds=LEASE_SECONDS
            )
        ]


def next_due(receiver: Receiver) -> Letter | None:
    """What is to be sent next; None where nothing is due, or the lease is lost."""
    with transaction() as db:
        return deliveries.next_due(db, receiver, LEASE_SECONDS)


def release(receiver: Receiver) -> None:
    """Give the lease back."""
    with transaction() as db:
        deliveries.release(db, receiver)


def settle(receiver: Receiver, letter: Letter, answer: Answer) -> bool:
    """Write how a try ended. False means that the lease is lost and nothing was written."""
    with transaction() as db:
        if answer.error is None:
            return deliveries.delivered(db, receiver, letter, answer)
        tries = letter.tries + 1
        last = tries >= MAX_TRIES or answer.gone
        kept = deliveries.failed(
            db,
            receiver,
            letter,
            answer,
            cool_down_seconds=cool_down_seconds(receiver.failures + 1),
            pause_seconds=None if last else pause_seconds(tries, answer.retry_after_seconds),
        )
        days = settings.webhook_disable_days
        hopeless = deliveries.hopeless(days, FAILURES_TO_DISABLE)
        reason = f"no delivery has succeeded for {days:g} days"
        if deliveries.disable(db, receiver, *((GONE,) if answer.gone else (reason, *hopeless))):
            path = f"/v1/webhooks/{receiver.id}"
            audit.record_own(db, receiver.project_id, "webhook.disabled", path)
        return kept


def forget_old() -> int:
    """Delete the records of deliveries that ended long ago; returns how many."""
    with transaction() as db:
        return deliveries.forget(db, KEPT_DAYS)
