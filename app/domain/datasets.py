"""The vocabulary of datasets: an immutable version, and how callers refer to one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import SpecInvalid


class DatasetStatus(StrEnum):
    """A version is parsed once and then ready or invalid for ever."""

    PARSING = "parsing"
    READY = "ready"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One immutable version of a dataset. ``files`` maps a name to key, size and SHA-256."""

    id: str
    project_id: str
    dataset_id: str
    name: str
    version: int
    status: DatasetStatus
    job_id: str
    filename: str
    size_bytes: int
    sha256: str
    raw_key: str
    corrections: dict[str, str]
    format: str | None
    logical_hash: str | None
    n_rows: int | None
    columns: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    profile: dict[str, Any]
    files: dict[str, dict[str, Any]]
    created_at: datetime
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reference:
    """``name``, ``name@3`` or ``name@latest``; an id of a version works in place of a name."""

    name: str
    version: int | None


def parse_reference(text: str) -> Reference:
    """Read a reference; ``SpecInvalid`` names the accepted forms."""
    name, separator, version = text.partition("@")
    if not separator or version == "latest":
        return Reference(name, None)
    if not name or not version.isdigit() or len(version) > 9:
        raise SpecInvalid(
            f"{text!r} is not a reference", remedy="write name, name@3 or name@latest"
        )
    return Reference(name, int(version))
