"""Keyset pages: a cursor holds the last row's position, so deep pages cost what the first does."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from app.domain.errors import InvalidCursor

T = TypeVar("T")
Row = TypeVar("Row", bound="Positioned")

Limit = Annotated[int, Query(ge=1, le=200, description="Rows a page")]
Cursor = Annotated[str | None, Query(max_length=300, description="`next_cursor` of the last page")]


class Positioned(Protocol):
    """A row with a place in the list."""

    @property
    def id(self) -> str:
        """The tie breaker."""
        ...

    @property
    def created_at(self) -> datetime:
        """The order."""
        ...


class Page(BaseModel, Generic[T]):
    """One page of a list, newest first."""

    data: list[T]
    next_cursor: str | None = Field(description="Null on the last page")
    has_more: bool


def position(cursor: str | None) -> tuple[datetime, str] | None:
    """Where the page starts; ``InvalidCursor`` for anything that ``page`` did not make."""
    if cursor is None:
        return None
    try:
        moment, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(moment), str(row_id)
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidCursor(
            "the cursor is not valid", remedy="start from the first page"
        ) from error


def page(rows: Sequence[Row], limit: int, shape: Callable[[Row], T]) -> Page[T]:
    """A page from ``limit + 1`` rows: the one too many says that there is more."""
    shown, more = rows[:limit], len(rows) > limit
    cursor = None
    if more:
        last = json.dumps([shown[-1].created_at.isoformat(), shown[-1].id])
        cursor = base64.urlsafe_b64encode(last.encode()).decode()
    return Page(data=[shape(row) for row in shown], next_cursor=cursor, has_more=more)
