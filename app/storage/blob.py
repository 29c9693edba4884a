"""The values that pass between a store and its callers."""

from datetime import datetime
from typing import NamedTuple, Protocol

CHUNK_BYTES = 1 << 20


class Blob(NamedTuple):
    """One entry of a listing."""

    key: str
    size: int
    last_modified: datetime


class S3Options(Protocol):
    """The part of the settings that an S3-compatible store needs."""

    @property
    def s3_endpoint(self) -> str | None:
        """URL of the server; ``None`` is Amazon."""

    @property
    def s3_region(self) -> str:
        """Region name, also where the server ignores it."""

    @property
    def s3_access_key(self) -> str | None:
        """Access key id."""

    @property
    def s3_secret_key(self) -> str | None:
        """Secret access key."""
