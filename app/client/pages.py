"""Lists that come in pages."""

from collections.abc import Mapping
from typing import Any

from app.client.transport import Transport

PAGE_ROWS = 200


def rows(
    transport: Transport, path: str, limit: int, filters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The first ``limit`` rows of a list, over as many pages as it takes."""
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        wanted = min(PAGE_ROWS, limit - len(found))
        page = transport.get(path, {**(filters or {}), "limit": wanted, "cursor": cursor})
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found
