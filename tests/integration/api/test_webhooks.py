"""Webhooks over HTTP: made, shown without their secrets, changed, deleted."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db.session import transaction
from app.settings import settings
from tests.integration.conftest import new_key

URL = "https://example.com/hooks?token=1"


@pytest.fixture
def hook(client: TestClient) -> dict[str, Any]:
    made: dict[str, Any] = client.post("/v1/webhooks", json={"url": URL}).json()
    return made


def test_the_secret_is_shown_once(client: TestClient, hook: dict[str, Any]) -> None:
    here = hook["links"]["self"]
    rotated = client.post(hook["links"]["rotate_secret"]).json()

    assert hook["secret"].startswith("whsec_")
    assert rotated["secret"] != hook["secret"]
    assert rotated["old_secret_until"] is not None
    answers = [client.get(here), client.get("/v1/webhooks"), client.patch(here, json={})]
    assert all("whsec_" not in answer.text for answer in answers)
    assert [found["id"] for found in answers[1].json()["data"]] == [hook["id"]]


def test_it_is_changed_field_by_field(client: TestClient, hook: dict[str, Any]) -> None:
    here = hook["links"]["self"]

    changed = client.patch(here, json={"events": ["job.*"], "description": "ours"}).json()
    stopped = client.patch(here, json={"enabled": False, "description": None}).json()

    assert (changed["url"], changed["events"], changed["description"]) == (URL, ["job.*"], "ours")
    assert (stopped["enabled"], stopped["description"]) == (False, None)
    assert stopped["disabled_reason"] == "disabled by its owner"
    refused = client.post(hook["links"]["test"]).json()
    assert refused["code"] == "state_conflict"
    assert "enable it first" in refused["remedy"]


def test_it_is_deleted_with_its_deliveries(client: TestClient, hook: dict[str, Any]) -> None:
    delivery = client.post(hook["links"]["test"]).json()

    assert client.get(delivery["links"]["self"]).json()["event_type"] == "webhook.test"
    assert client.delete(hook["links"]["self"]).status_code == 204
    assert client.get(hook["links"]["self"]).status_code == 404
    assert client.get(delivery["links"]["self"]).status_code == 404
    assert client.delete(hook["links"]["self"]).status_code == 404


def test_what_was_sent_comes_in_pages(client: TestClient, hook: dict[str, Any]) -> None:
    made = [client.post(hook["links"]["test"]).json()["id"] for _ in range(3)]
    path = hook["links"]["deliveries"]

    first = client.get(f"{path}?limit=2").json()
    rest = client.get(f"{path}?cursor={first['next_cursor']}").json()

    assert [entry["id"] for entry in first["data"] + rest["data"]] == made[::-1]
    assert client.get(f"{path}?status=failed").json()["data"] == []
    missing = client.get(f"{path}/dlv_x").json()
    assert (missing["code"], missing["remedy"]) == (
        "not_found",
        f"list what exists with GET {path}",
    )


@pytest.mark.parametrize(
    ("body", "pointer", "remedy"),
    [
        ({"url": "http://example.com"}, "/url", "https://"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url", "https://"),
        ({"url": URL, "events": ["job.finished"]}, "/events/0", "did you mean"),
        ({"url": URL, "events": []}, "/events", None),
        ({"url": URL, "secret": "mine"}, "/secret", None),
    ],
)
def test_a_wrong_body_is_refused_with_its_field(
    client: TestClient, body: dict[str, Any], pointer: str, remedy: str | None
) -> None:
    answer = client.post("/v1/webhooks", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "spec_invalid")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert remedy is None or remedy in answer.json()["remedy"]


def test_a_project_has_so_many_and_no_more(
    client: TestClient, hook: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "max_webhooks", 1)

    assert client.post("/v1/webhooks", json={"url": URL}).json()["code"] == "state_conflict"


def test_other_projects_find_nothing(client: TestClient, hook: dict[str, Any]) -> None:
    delivery = client.post(hook["links"]["test"]).json()
    stranger = {"Authorization": f"Bearer {new_key('webhooks:read', 'webhooks:write')}"}

    for method, path, body in (
        ("GET", hook["links"]["self"], None),
        ("PATCH", hook["links"]["self"], {"enabled": False}),
        ("DELETE", hook["links"]["self"], None),
        ("POST", hook["links"]["test"], None),
        ("POST", hook["links"]["rotate_secret"], None),
        ("GET", hook["links"]["deliveries"], None),
        ("GET", delivery["links"]["self"], None),
        ("POST", delivery["links"]["replay"], None),
    ):
        answer = client.request(method, path, json=body, headers=stranger)
        assert answer.status_code == 404, (method, path)
    assert client.get("/v1/webhooks", headers=stranger).json()["data"] == []
    assert client.get(hook["links"]["self"]).json()["enabled"]


def test_no_secret_is_in_the_audit_log(client: TestClient, hook: dict[str, Any]) -> None:
    client.post(hook["links"]["rotate_secret"])

    with transaction() as db:
        rows = db.execute(text("SELECT row_to_json(audit_entry)::text FROM audit_entry"))
        assert "whsec_" not in "".join(rows.scalars())


def test_true_is_no_number_and_text_no_switch(client: TestClient, hook: dict[str, Any]) -> None:
    rotated = client.post(hook["links"]["rotate_secret"], json={"overlap_hours": True})
    changed = client.patch(hook["links"]["self"], json={"enabled": "no"})

    assert (rotated.status_code, changed.status_code) == (422, 422)
