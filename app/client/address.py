"""Where the service is and with which key: arguments, environment, or the local state folder."""

import json
import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from app.client.errors import NotConfigured

REMEDY = (
    "give url= and key=, or set ADAPTNET_URL and ADAPTNET_KEY, or start a local service in this "
    "folder: adaptnet up"
)


@dataclass(frozen=True, slots=True)
class Address:
    """One service and one key."""

    url: str
    key: str

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, which no proxy of the environment can reach."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def find(url: str | None = None, key: str | None = None) -> Address:
    """The first of argument, environment and state folder, for address and key each."""
    url = url or os.environ.get("ADAPTNET_URL") or _url_of(home())
    key = key or os.environ.get("ADAPTNET_KEY") or _key_of(home())
    if not url:
        raise NotConfigured(f"no service address; {REMEDY}")
    if urlsplit(url).scheme not in ("http", "https"):
        raise NotConfigured(f"{url!r} is no address; write for example http://localhost:8000")
    if not key:
        raise NotConfigured(f"no API key for {url}; {REMEDY}")
    return Address(url.rstrip("/"), key.strip())


def home() -> Path:
    """The state folder of a local service: ``ADAPTNET_HOME``, else ``.adaptnet`` here."""
    return Path(os.environ.get("ADAPTNET_HOME") or ".adaptnet")


def _url_of(folder: Path) -> str | None:
    try:
        found = json.loads((folder / "service.json").read_text())
    except (OSError, ValueError):
        return None
    return str(found["url"]) if isinstance(found, dict) and found.get("url") else None


def _key_of(folder: Path) -> str | None:
    try:
        return (folder / "api-key").read_text().strip() or None
    except OSError:
        return None
