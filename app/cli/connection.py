"""The service of this command line, imported at the first use."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.client import Client


def connect() -> "Client":
    """A client for the service of the environment or of the local state folder."""
    from app.client import Client  # noqa: PLC0415  (httpx and numpy would slow down --help)

    return Client()
