"""Webhooks: have the service call you, and see how that went."""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.client import pages
from app.client.transport import Call, Transport


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook. ``event_id`` is the header ``webhook-id``."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    status: str
    tries: int
    response_status: int | None
    error: str | None
    created_at: str
    document: dict[str, Any] = field(repr=False, compare=False)
    _transport: Transport = field(repr=False, compare=False)

    def refresh(self) -> "Delivery":
        """The same delivery as it is now."""
        return delivery_of(self._transport, self._transport.get(self.document["links"]["self"]))

    def replay(self) -> "Delivery":
        """Send it again at once, with the same ``webhook-id``."""
        path = self.document["links"]["replay"]
        return delivery_of(self._transport, self._transport.post(path))


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of events as the service last described it.

    ``secret`` is there in the answers that made it only: keep it.
    """

    id: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    failures: int
    secret: str | None = field(repr=False)
    document: dict[str, Any] = field(repr=False, compare=False)
    _transport: Transport = field(repr=False, compare=False)

    def refresh(self) -> "Webhook":
        """The same webhook as it is now."""
        return webhook_of(self._transport, self._transport.get(self._path))

    def update(self, **changes: Any) -> "Webhook":  # noqa: ANN401  (fields of the body)
        """Change ``url``, ``events``, ``description`` or ``enabled``."""
        call = Call("PATCH", self._path, body=lambda: {"json": changes})
        return webhook_of(self._transport, self._transport.send(call).json())

    def rotate_secret(self, overlap_hours: float = 24.0) -> "Webhook":
        """The webhook with a new secret; for some hours the old one signs along."""
        body = {"overlap_hours": overlap_hours}
        path = f"{self._path}/rotate-secret"
        answer = self._transport.post(path, body, repeatable=False)
        return webhook_of(self._transport, answer)

    def test(self) -> Delivery:
        """Have a test event sent; ``refresh`` the delivery to see how it went."""
        return delivery_of(self._transport, self._transport.post(f"{self._path}/test"))

    def deliveries(
        self, limit: int = 50, *, status: "str | Sequence[str] | None" = None
    ) -> list[Delivery]:
        """The newest deliveries, of these states: ``pending``, ``delivered``, ``failed``."""
        path = f"{self._path}/deliveries"
        found = pages.rows(self._transport, path, limit, {"status": status})
        return [delivery_of(self._transport, entry) for entry in found]

    def delivery(self, delivery_id: str) -> Delivery:
        """One delivery."""
        answer = self._transport.get(f"{self._path}/deliveries/{delivery_id}")
        return delivery_of(self._transport, answer)

    def delete(self) -> None:
        """Delete it with the record of its deliveries."""
        self._transport.send(Call("DELETE", self._path))

    @property
    def _path(self) -> str:
        return f"/v1/webhooks/{self.id}"


class Webhooks:
    """The webhooks of the key's project."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, url: str, events: Sequence[str] | None = None, description: str | None = None
    ) -> Webhook:
        """Have events sent to an address, by default those that end a job. Keep its ``secret``."""
        given = {"url": url, "events": events and list(events), "description": description}
        body = {name: value for name, value in given.items() if value is not None}
        answer = self._transport.post("/v1/webhooks", body, repeatable=False)
        return webhook_of(self._transport, answer)

    def get(self, webhook_id: str) -> Webhook:
        """One webhook."""
        return webhook_of(self._transport, self._transport.get(f"/v1/webhooks/{webhook_id}"))

    def list(self, limit: int = 50) -> "builtins.list[Webhook]":
        """The newest webhooks."""
        found = pages.rows(self._transport, "/v1/webhooks", limit)
        return [webhook_of(self._transport, entry) for entry in found]


def webhook_of(transport: Transport, document: Mapping[str, Any]) -> Webhook:
    """A webhook from the service's answer."""
    return Webhook(
        id=document["id"],
        url=document["url"],
        events=tuple(document["events"]),
        enabled=document["enabled"],
        failures=document["failures"],
        secret=document.get("secret"),
        document={name: value for name, value in document.items() if name != "secret"},
        _transport=transport,
    )


def delivery_of(transport: Transport, document: Mapping[str, Any]) -> Delivery:
    """A delivery from the service's answer."""
    return Delivery(
        id=document["id"],
        webhook_id=document["links"]["webhook"].rpartition("/")[2],
        event_id=document["event_id"],
        event_type=document["event_type"],
        status=document["status"],
        tries=document["tries"],
        response_status=document["response_status"],
        error=document["error"],
        created_at=document["created_at"],
        document=dict(document),
        _transport=transport,
    )
