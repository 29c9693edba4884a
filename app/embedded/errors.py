"""What keeps the embedded service from running. Each message says what to do."""


class EmbeddedError(Exception):
    """The embedded service cannot start or go on."""


class BinaryMissing(EmbeddedError):
    """No server program was found on this machine."""


class AlreadyRunning(EmbeddedError):
    """Another process holds the state folder."""

    def __init__(self, message: str, *, pid: int | None = None, url: str | None = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.url = url


class PortTaken(EmbeddedError):
    """The port of the API belongs to somebody else."""


class VersionMismatch(EmbeddedError):
    """The data folder was written by another major version of PostgreSQL."""


class ChildFailed(EmbeddedError):
    """A process did not start, or died again and again."""
