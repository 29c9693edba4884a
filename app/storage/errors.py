"""What can go wrong with blobs, as rows of the error catalogue."""

from app.domain.errors import ServiceError


class StoreUnavailable(ServiceError):
    """The blob store does not answer.

    Also raised for a full disk, refused credentials or a missing bucket: whatever the operator
    of the store has to mend.
    """

    code, http_status, owner, retryable = "store_unavailable", 503, "capacity", True


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
