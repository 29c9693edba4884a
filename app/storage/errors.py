"""What can go wrong with blobs, as rows of the error catalogue."""

import contextlib
import errno
from collections.abc import Iterator

from app.domain.errors import ServiceError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DISK_FULL = "the disk for files in work is full"
MAKE_ROOM = "try again later; the operator has to make room"


class StoreUnavailable(ServiceError):
    """The blob store does not answer.

    Also raised for refused credentials or a missing bucket: whatever the operator of the store
    has to mend.
    """

    code, http_status, owner, retryable = "store_unavailable", 503, "capacity", True


class StoreFull(StoreUnavailable):
    """The blob store has no room left. Nothing was stored in part."""

    code, http_status = "store_full", 507


class DiskFull(ServiceError):
    """The disk for files in work is full on the machine that serves or computes."""

    code, http_status, owner, retryable = "disk_full", 507, "capacity", True


class BlobNotFound(ServiceError):
    """A stored file is missing.

    Rows name only files that were written, so a missing one is our fault and not the caller's.
    """

    code, http_status, owner, retryable = "blob_not_found", 500, "service", False


class ChecksumMismatch(ServiceError):
    """A stored file is not what was written."""

    code, http_status, owner, retryable = "checksum_mismatch", 500, "service", False


class BlobTooLarge(ServiceError):
    """A stored file is larger than its reader accepts."""

    code, http_status, owner, retryable = "blob_too_large", 500, "service", False


@contextlib.contextmanager
def on_disk() -> Iterator[None]:
    """Files in work are written here: a full disk or quota becomes ``DiskFull``."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull(DISK_FULL, remedy=MAKE_ROOM) from error


def is_full(error: BaseException | None) -> bool:
    """Whether an error means that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in FULL
