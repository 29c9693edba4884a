"""The vocabulary of webhooks: which events, which addresses, and how long a delivery is tried."""

import ipaddress
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from app.domain.errors import SpecInvalid, nearest
from app.domain.jobs import TERMINAL, JobStatus

EVERY_EVENT = "job.*"
TEST_EVENT = "webhook.test"
EVENT_TYPES = (
    *(f"job.{status}" for status in JobStatus),
    "job.phase_started",
    "job.phase_completed",
    "job.dimension_estimated",
    "job.seed_finished",
)
DEFAULT_EVENTS = tuple(f"job.{status}" for status in JobStatus if status in TERMINAL)

LONGEST_PAUSES_SECONDS = (10, 60, 600, 3600, 4 * 3600, 12 * 3600, 24 * 3600)
"""The most that is waited after each try but the last: a day in all, on average."""
MAX_TRIES = len(LONGEST_PAUSES_SECONDS) + 1
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0
LONGEST_COOL_DOWN_SECONDS = 60

# Networks that carry an IPv4 address inside: what is public outside may be private inside.
TUNNELS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2001::/32", "2002::/16")))


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of events. ``failures`` counts the tries in a row that have failed.

    ``failing_since`` is the first of them; ``n_delivered`` and ``n_failed`` count deliveries that
    have come to an end.
    """

    id: str
    project_id: str
    url: str
    description: str | None
    events: list[str]
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int
    failing_since: datetime | None
    n_delivered: int
    n_failed: int
    old_secret_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook; ``event_id`` is the header ``webhook-id`` of all tries.

    ``payload`` was written with the event and never changes.
    """

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    payload: dict[str, Any]
    status: DeliveryStatus
    tries: int
    next_try_at: datetime
    last_try_at: datetime | None
    response_status: int | None
    error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook under a lease: nobody else sends to it, until the token is outdated."""

    id: str
    project_id: str
    url: str
    fencing_token: int
    failures: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: the payload as text, to be signed with all of ``secrets`` as of ``at``."""

    delivery_id: str
    event_id: str
    body: str
    tries: int
    secrets: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try ended. ``error`` is None where the receiver has taken the event."""

    status: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more (410)."""
        return self.status == 410


def pause_seconds(tries: int, retry_after_seconds: float | None = None) -> float:
    """How long to wait after so many tries: full jitter, and no less than the receiver asks."""
    longest = LONGEST_PAUSES_SECONDS[min(tries, MAX_TRIES - 1) - 1]
    asked = min(retry_after_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS)
    return max(asked, random.uniform(0, longest))  # noqa: S311  (spreads load, hides nothing)


def cool_down_seconds(failures: int) -> float:
    """How long a receiver is left alone after so many failures in a row."""
    longest = min(LONGEST_COOL_DOWN_SECONDS, 2**failures)
    return random.uniform(0, longest)  # noqa: S311


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet, whatever it is wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise ``SpecInvalid`` for an address that events are not sent to.

    Only what the text itself shows; names are resolved and checked at each delivery.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _refused(f"not a URL: {error}") from error
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise _refused("the address does not begin with https://")
    if not host or not url.isascii() or any(map(str.isspace, url)):
        raise _refused("the address has no host, or characters that a URL may not have")
    if parts.username is not None or parts.fragment:
        raise _refused("the address carries a user name or a fragment")
    if not allow_private and _is_private(host):
        raise _refused(f"{host} is not an address of the public Internet")


def check_events(events: Sequence[str]) -> None:
    """Raise ``SpecInvalid`` with the nearest name for an event that does not exist."""
    known = (*EVENT_TYPES, EVERY_EVENT)
    for index, event in enumerate(events):
        if event not in known:
            near = nearest(event, known)
            hint = f"did you mean {near!r}?" if near else f"choose among {', '.join(known)}"
            message = f"there is no event {event!r}"
            problem = {"pointer": f"/events/{index}", "message": message, "hint": hint}
            raise SpecInvalid(message, remedy=hint, errors=[problem])


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:  # a name
        return False


def _refused(message: str) -> SpecInvalid:
    hint = "give a public address that begins with https://"
    problem = {"pointer": "/url", "message": message, "hint": hint}
    return SpecInvalid(message, remedy=hint, errors=[problem])
