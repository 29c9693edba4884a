"""Keys and scopes: who may call what, and that other projects' things do not exist for a caller."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db.session import transaction
from app.domain.callers import Caller
from app.main import create_app
from app.services import keys
from tests.integration import jobs as make
from tests.integration.conftest import new_key

OPEN = {"/livez", "/readyz", "/metrics"}
PLACES = {"{reference}": "d", "{name}": "d", "{job_id}": "job_x", "{version}": "1", "{key_id}": "k"}
PLACES |= {"{webhook_id}": "w", "{delivery_id}": "x"}


def routes() -> Iterator[tuple[str, str]]:
    """Every method and path of the API, with the path's places filled in."""
    for path, operations in create_app().openapi()["paths"].items():
        filled = path
        for place, value in PLACES.items():
            filled = filled.replace(place, value)
        for method in operations:
            if path not in OPEN:
                yield method.upper(), filled


ROUTES = list(routes())


def test_there_are_routes_to_check() -> None:
    assert len(ROUTES) > 25


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer ank_0_0", "Basic eA=="])
def test_nothing_answers_without_a_valid_key(
    client: TestClient, method: str, path: str, header: str | None
) -> None:
    del client.headers["Authorization"]

    answer = client.request(method, path, headers={"Authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer.json()["code"] in ("key_missing", "key_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"), [route for route in ROUTES if route[1].split("?")[0] not in
     ("/v1/me", "/v1/capabilities", "/v1/status")]
)  # fmt: skip
def test_a_key_without_the_scope_is_refused_by_name(
    client: TestClient, method: str, path: str
) -> None:
    key = new_key("predict" if "predict" not in path else "jobs:read")
    body: dict[str, Any] = (
        {"json": {"kind": "analyze", "dataset": "d"}} if path == "/v1/jobs" else {}
    )
    if path.endswith("predict"):
        body = {"json": {"columns": ["a"], "rows": [[1]]}}
    if path == "/v1/api-keys" and method == "POST":
        body = {"json": {"name": "n"}}
    if path == "/v1/webhooks" and method == "POST":
        body = {"json": {"url": "https://example.com"}}
    if method == "PATCH" and "webhooks" not in path:
        body = {"json": {"columns": {"a": "number"}}}
    if method == "PATCH" and "webhooks" in path:
        body = {"json": {}}
    if path == "/v1/datasets" and method == "POST":
        body = {"data": {"name": "d"}, "files": {"file": b"x"}}

    answer = client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **body)

    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "scope_missing"
    assert answer.json()["scope"] in answer.json()["remedy"]


def test_other_projects_find_nothing(client: TestClient, caller: Caller, tmp_path: Path) -> None:
    version = make.upload(caller, tmp_path)
    stranger = {"Authorization": f"Bearer {new_key('datasets:read', 'jobs:read', 'jobs:write')}"}

    for path in (
        f"/v1/datasets/{version.id}",
        "/v1/datasets/d@1",
        f"/v1/jobs/{version.job_id}",
        f"/v1/jobs/{version.job_id}/events",
        f"/v1/jobs/{version.job_id}/artifacts",
    ):
        assert client.get(path).status_code == 200, path
        assert client.get(path, headers=stranger).status_code == 404, path
    assert client.get("/v1/datasets", headers=stranger).json()["data"] == []
    assert client.post(f"/v1/jobs/{version.job_id}/cancel", headers=stranger).status_code == 404


def test_a_key_is_made_shown_once_used_and_revoked(client: TestClient) -> None:
    made = client.post("/v1/api-keys", json={"name": "ci", "scopes": ["jobs:read"]}).json()
    header = {"Authorization": f"Bearer {made['secret']}"}

    assert client.get("/v1/me", headers=header).json()["scopes"] == ["jobs:read"]
    listed = client.get("/v1/api-keys").json()["data"]
    assert made["id"] in [key["id"] for key in listed]
    assert all("secret" not in key for key in listed)
    assert client.delete(f"/v1/api-keys/{made['id']}").status_code == 204
    assert client.get("/v1/me", headers=header).json()["code"] == "key_invalid"


def test_an_unknown_scope_is_answered_with_the_nearest(client: TestClient) -> None:
    answer = client.post("/v1/api-keys", json={"name": "ci", "scopes": ["job:read"]})

    assert answer.status_code == 422
    assert "jobs:read" in answer.json()["remedy"]


def test_the_database_holds_no_secret(secret: str, caller: Caller) -> None:
    with transaction() as db:
        stored = db.execute(text("SELECT row_to_json(api_key)::text FROM api_key")).scalars().all()
        assert keys.authenticate(db, secret) == caller
    assert caller.key_id in "".join(stored)
    assert secret.split("_", 2)[2] not in "".join(stored)
