"""Webhooks and the audit log by the client."""

from typing import Any

from app.client import Client
from tests.unit.client.service import Reply, Service

HERE = "/v1/webhooks/whk_1"


def webhook(**changes: object) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": "whk_1",
        "url": "https://example.com/hooks",
        "description": None,
        "events": ["job.succeeded", "job.failed"],
        "enabled": True,
        "failures": 0,
        "failing_since": None,
        "delivered": 3,
        "failed": 1,
        "old_secret_until": None,
    }
    return plain | changes


def delivery(**changes: object) -> dict[str, Any]:
    here = f"{HERE}/deliveries/dlv_1"
    plain: dict[str, Any] = {
        "id": "dlv_1",
        "event_id": "evt_1",
        "event_type": "job.failed",
        "status": "failed",
        "tries": 8,
        "response_status": 500,
        "error": "HTTP 500",
        "created_at": "2026-01-01T10:20:30Z",
        "links": {"self": here, "replay": f"{here}/replay", "webhook": HERE},
    }
    return plain | changes


def test_a_new_webhook_brings_its_secret_once(client: Client, service: Service) -> None:
    service.on("POST /v1/webhooks", Reply(201, webhook(secret="whsec_1")))
    service.on(f"GET {HERE}", Reply(200, webhook()))

    made = client.webhooks.create("https://example.com/hooks", ["job.failed"])

    assert service.asked[0].json == {"url": "https://example.com/hooks", "events": ["job.failed"]}
    assert (made.secret, made.refresh().secret) == ("whsec_1", None)
    assert "whsec_1" not in repr(made) + str(made.document)


def test_it_is_changed_and_deleted(client: Client, service: Service) -> None:
    service.on(f"GET {HERE}", Reply(200, webhook()))
    service.on(f"PATCH {HERE}", Reply(200, webhook(enabled=False)))
    service.on(f"DELETE {HERE}", Reply(204))
    service.on(f"POST {HERE}/rotate-secret", Reply(200, webhook(secret="whsec_2")))
    found = client.webhooks.get("whk_1")

    assert not found.update(enabled=False).enabled
    assert found.rotate_secret(48).secret == "whsec_2"
    found.delete()

    assert service.asked[1].json == {"enabled": False}
    assert service.asked[2].json == {"overlap_hours": 48}
    assert service.asked[3].method == "DELETE"


def test_a_failed_delivery_is_found_and_replayed(client: Client, service: Service) -> None:
    service.on(f"GET {HERE}", Reply(200, webhook()))
    service.on(f"GET {HERE}/deliveries", Reply(200, {"data": [delivery()], "next_cursor": None}))
    again = delivery(status="pending", tries=0)
    service.on(f"POST {HERE}/deliveries/dlv_1/replay", Reply(202, again))
    service.on(f"GET {HERE}/deliveries/dlv_1", Reply(200, delivery(status="delivered")))

    (failed,) = client.webhooks.get("whk_1").deliveries(status="failed")
    replayed = failed.replay()

    assert service.asked[1].query["status"] == ["failed"]
    assert (failed.webhook_id, failed.event_id, failed.tries) == ("whk_1", "evt_1", 8)
    assert (replayed.status, replayed.refresh().status) == ("pending", "delivered")


def test_the_audit_log_comes_in_pages(client: Client, service: Service) -> None:
    entry = {
        "id": "aud_1",
        "action": "job.submitted",
        "resource": "/v1/jobs/job_1",
        "outcome": "done",
        "key_id": "key_1",
        "request_id": "req_1",
        "created_at": "2026-01-01T10:20:30Z",
    }
    service.on(
        "GET /v1/audit",
        Reply(200, {"data": [entry], "next_cursor": "c"}),
        Reply(200, {"data": [{**entry, "id": "aud_0"}], "next_cursor": None}),
    )

    found = client.audit.list(action=["job.submitted"], key_id="key_1")

    assert [e.id for e in found] == ["aud_1", "aud_0"]
    assert service.asked[0].query["action"] == ["job.submitted"]
    assert service.asked[1].query["cursor"] == ["c"]
