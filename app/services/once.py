"""A repeated request with the same Idempotency-Key gets the first answer."""

from sqlalchemy import Connection

from app.db.queries import keys
from app.domain.errors import IdempotencyKeyReused


def first_answer(
    db: Connection, project_id: str, key: str | None, fingerprint: str, resource_id: str
) -> str | None:
    """The resource that the key made before, or None: then ``resource_id`` is to be made now.

    Raises ``IdempotencyKeyReused`` when the key came with another body before.
    """
    if key is None:
        return None
    earlier = keys.reserve(db, project_id, key, fingerprint, resource_id)
    if earlier is None:
        return None
    if earlier[0] != fingerprint:
        raise IdempotencyKeyReused(key)
    return earlier[1]
