"""API keys: made once, shown once, stored as a hash."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.db.queries import keys
from app.domain.callers import SCOPES, ApiKey, Caller
from app.domain.errors import KeyInvalid, NotFound, SpecInvalid, nearest
from app.domain.ids import new_id
from app.services import audit

PREFIX = "ank"


def authenticate(db: Connection, secret: str) -> Caller:
    """Who holds this key. The secret has 256 random bits, so one SHA-256 is enough."""
    prefix, _, rest = secret.partition("_")
    key_id, _, _ = rest.partition("_")
    row = keys.usable(db, f"key_{key_id}") if prefix == PREFIX else None
    if row is None or not hmac.compare_digest(row["secret_sha256"], _digest(secret)):
        raise KeyInvalid(
            "the API key is unknown, expired or revoked", remedy="ask an admin of your project"
        )
    keys.touch(db, f"key_{key_id}")
    return Caller(row["project_id"], row["name"], f"key_{key_id}", frozenset(row["scopes"]))


def create(
    db: Connection,
    project_id: str,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    *,
    by: Caller | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is nowhere to be read again; ``by`` is who asked for it."""
    for scope in scopes:
        if scope not in SCOPES:
            raise SpecInvalid(
                f"there is no scope {scope!r}",
                remedy=f"did you mean {nearest(scope, SCOPES)!r}? All: {', '.join(SCOPES)}",
            )
    key_id = new_id("key")
    secret = f"{PREFIX}_{key_id.removeprefix('key_')}_{secrets.token_urlsafe(32)}"
    values: dict[str, Any] = {
        "id": key_id,
        "project_id": project_id,
        "name": name,
        "scopes": list(scopes),
        "secret_sha256": _digest(secret),
        "expires_at": expires_at,
    }
    if by is None:
        audit.record_own(db, project_id, "key.created", _path(key_id))
    else:
        audit.record(db, by, "key.created", _path(key_id))
    return keys.add(db, values), secret


def of_project(db: Connection, caller: Caller) -> list[ApiKey]:
    """All keys of the caller's project."""
    return keys.of_project(db, caller.project_id)


def revoke(db: Connection, caller: Caller, key_id: str) -> None:
    """End a key's life at once."""
    if keys.revoke(db, caller.project_id, key_id) is None:
        raise NotFound("api-key", key_id)
    audit.record(db, caller, "key.revoked", _path(key_id))


def _path(key_id: str) -> str:
    return f"/v1/api-keys/{key_id}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
