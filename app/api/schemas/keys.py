"""Bodies and answers about API keys."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.domain.callers import SCOPES
from app.domain.kind import Name


def _written(value: object) -> object:
    """Numbers would be taken for seconds, or milliseconds, since 1970."""
    if isinstance(value, int | float):
        raise ValueError("write it as text: 2030-01-31T12:00:00Z")  # noqa: TRY004  (pydantic's way)
    return value


Moment = Annotated[datetime, BeforeValidator(_written)]


class KeyIn(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[str] = Field(default=[scope for scope in SCOPES if scope != "admin"], min_length=1)
    expires_at: Moment | None = None


class KeyOut(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    """A key with its secret: the only time that it is shown."""

    secret: str


class KeysOut(BaseModel):
    """All keys of a project."""

    data: list[KeyOut]


class MeOut(BaseModel):
    """Who the key belongs to and what it may do."""

    project: str
    project_id: str
    key_id: str
    scopes: list[str]
    links: dict[str, str]
