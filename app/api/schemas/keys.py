"""Bodies and answers about API keys."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.domain.callers import SCOPES
from app.domain.kind import Name


class KeyIn(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[str] = Field(default=[scope for scope in SCOPES if scope != "admin"], min_length=1)
    expires_at: datetime | None = None


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
