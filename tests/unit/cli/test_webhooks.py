"""``adaptnet webhooks`` and ``adaptnet audit``."""

import pytest

from tests.unit.cli.run import adaptnet
from tests.unit.client.service import Reply, Service
from tests.unit.client.test_webhooks import HERE, delivery, webhook


def test_a_new_secret_goes_to_stdout_alone(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    service.on("POST /v1/webhooks", Reply(201, webhook(secret="whsec_1")))
    service.on(f"GET {HERE}", Reply(200, webhook()))
    later = webhook(secret="whsec_2", old_secret_until="2026-01-03T10:20:30Z")
    service.on(f"POST {HERE}/rotate-secret", Reply(200, later))

    added = adaptnet(capsys, "webhooks", "add", "https://example.com/hooks", "--event", "job.*")
    rotated = adaptnet(capsys, "webhooks", "rotate", "whk_1", "--overlap", "48")

    assert (added.out, rotated.out) == ("whsec_1\n", "whsec_2\n")
    assert "whk_1 listens to: job.succeeded, job.failed" in added.err
    assert "signs along until 2026-01-03 10:20 UTC" in rotated.err
    assert service.asked[0].json["events"] == ["job.*"]


def test_lists_are_tab_separated_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    since = webhook(failing_since="2026-01-01T10:20:30Z")
    service.on("GET /v1/webhooks", Reply(200, {"data": [since], "next_cursor": None}))
    service.on(f"GET {HERE}", Reply(200, webhook()))
    service.on(f"GET {HERE}/deliveries", Reply(200, {"data": [delivery()], "next_cursor": None}))

    hooks = adaptnet(capsys, "webhooks", "ls")
    sent = adaptnet(capsys, "webhooks", "deliveries", "whk_1", "--status", "failed")

    assert hooks.out.splitlines()[1].split("\t") == [
        *("whk_1", "https://example.com/hooks", "job.succeeded job.failed", "yes"),
        *("2026-01-01 10:20", "3", "1"),
    ]
    assert sent.out.splitlines()[1].split("\t") == [
        *("dlv_1", "job.failed", "failed", "8", "500", "HTTP 500", "2026-01-01 10:20"),
    ]


def test_verbs_reach_their_webhook(capsys: pytest.CaptureFixture[str], service: Service) -> None:
    service.on(f"GET {HERE}", Reply(200, webhook()))
    service.on(f"PATCH {HERE}", Reply(200, webhook()))
    service.on(f"DELETE {HERE}", Reply(204))
    service.on(f"POST {HERE}/test", Reply(202, delivery(status="pending")))
    service.on(f"GET {HERE}/deliveries/dlv_1", Reply(200, delivery()))
    again = delivery(status="pending")
    service.on(f"POST {HERE}/deliveries/dlv_1/replay", Reply(202, again))

    changed = adaptnet(capsys, "webhooks", "set", "whk_1", "--enable")
    tested = adaptnet(capsys, "webhooks", "test", "whk_1")
    replayed = adaptnet(capsys, "webhooks", "replay", "whk_1", "dlv_1")
    removed = adaptnet(capsys, "webhooks", "rm", "whk_1", "--yes")

    assert '"enabled": true' in changed.out
    assert service.asked[1].json == {"enabled": True}
    assert "dlv_1 is on its way" in tested.out
    assert replayed.out == "dlv_1 is pending\n"
    assert removed.out == "deleted whk_1\n"


def test_the_audit_log_is_a_table(capsys: pytest.CaptureFixture[str], service: Service) -> None:
    entry = {"id": "aud_1", "action": "key.created", "resource": "/v1/api-keys/key_2"}
    entry |= {"outcome": "done", "created_at": "2026-01-01T10:20:30Z"}
    page = {"data": [{**entry, "key_id": None, "request_id": "req_1"}], "next_cursor": None}
    service.on("GET /v1/audit", Reply(200, page))

    ended = adaptnet(capsys, "audit", "--action", "key.created")

    assert ended.out.splitlines()[1].split("\t") == [
        *("2026-01-01 10:20", "key.created", "/v1/api-keys/key_2", "done", "", "req_1"),
    ]
