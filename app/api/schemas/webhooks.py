"""Bodies and answers about webhooks."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.domain.webhooks import DEFAULT_EVENTS, Delivery, DeliveryStatus, Webhook

Url = Annotated[str, StringConstraints(min_length=8, max_length=2000)]
Description = Annotated[str, StringConstraints(max_length=200)]
Events = Annotated[
    list[Annotated[str, StringConstraints(max_length=60)]],
    Field(min_length=1, max_length=30, description="Such as `job.failed`; `job.*` for all"),
]


class WebhookIn(BaseModel):
    """Where events go to. By default those that end a job."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://example.com/hooks", "events": ["job.succeeded"]}]
        },
    )

    url: Url
    events: Events = list(DEFAULT_EVENTS)
    description: Description | None = None


class WebhookPatch(BaseModel):
    """What to change; what is left out stays. Enabling forgets the failures so far."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": True}]})

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: StrictBool | None = None

    def changes(self) -> dict[str, Any]:
        """The fields that were given. Null takes a description away and means nothing elsewhere."""
        given = self.model_dump(exclude_unset=True)
        return {k: v for k, v in given.items() if v is not None or k == "description"}


class RotationIn(BaseModel):
    """How long the old secret signs along."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(default=24.0, ge=0, le=168, allow_inf_nan=False, strict=True)


class WebhookOut(BaseModel):
    """A receiver of events, without its secret."""

    id: str
    url: str
    description: str | None
    events: list[str]
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int = Field(description="Tries in a row that have failed")
    failing_since: datetime | None
    delivered: int = Field(description="Deliveries that were taken")
    failed: int = Field(description="Deliveries that were given up")
    old_secret_until: datetime | None = Field(description="Until then two secrets sign")
    created_at: datetime
    links: dict[str, str]


class NewWebhookOut(WebhookOut):
    """A webhook with its secret: the only time that this one is shown."""

    secret: str


class DeliveryOut(BaseModel):
    """One event on its way to one webhook. Tries go on until a 2xx answer, eight in all."""

    id: str
    event_id: str = Field(description="The header `webhook-id` of every try")
    event_type: str
    status: DeliveryStatus
    tries: int
    next_try_at: datetime | None
    last_try_at: datetime | None
    response_status: int | None
    error: str | None
    payload: dict[str, Any]
    created_at: datetime
    links: dict[str, str]


def webhook_out(hook: Webhook) -> WebhookOut:
    """A webhook as callers see it."""
    here = f"/v1/webhooks/{hook.id}"
    return WebhookOut(
        id=hook.id,
        url=hook.url,
        description=hook.description,
        events=hook.events,
        enabled=hook.disabled_at is None,
        disabled_at=hook.disabled_at,
        disabled_reason=hook.disabled_reason,
        failures=hook.failures,
        failing_since=hook.failing_since,
        delivered=hook.n_delivered,
        failed=hook.n_failed,
        old_secret_until=hook.old_secret_until,
        created_at=hook.created_at,
        links={
            "self": here,
            "deliveries": f"{here}/deliveries",
            "test": f"{here}/test",
            "rotate_secret": f"{here}/rotate-secret",
        },
    )


def new_webhook_out(made: tuple[Webhook, str]) -> NewWebhookOut:
    """A webhook with its secret."""
    return NewWebhookOut(secret=made[1], **webhook_out(made[0]).model_dump())


def delivery_out(delivery: Delivery) -> DeliveryOut:
    """A delivery as callers see it."""
    hook = f"/v1/webhooks/{delivery.webhook_id}"
    here = f"{hook}/deliveries/{delivery.id}"
    links = {"self": here, "replay": f"{here}/replay", "webhook": hook}
    links |= delivery.payload["data"].get("links", {})
    return DeliveryOut(
        id=delivery.id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        status=delivery.status,
        tries=delivery.tries,
        next_try_at=delivery.next_try_at if delivery.status == "pending" else None,
        last_try_at=delivery.last_try_at,
        response_status=delivery.response_status,
        error=delivery.error,
        payload=delivery.payload,
        created_at=delivery.created_at,
        links=links,
    )
