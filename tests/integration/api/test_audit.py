"""The audit log: what was done is there with it, and stays as it was written."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.db.queries import models
from app.db.session import transaction
from app.domain.callers import Caller
from app.services import blobs
from app.storage import checksums
from tests.integration import jobs as make
from tests.integration.conftest import new_key

ANALYZE = {"kind": "analyze", "dataset": "d"}


def entries(client: TestClient, query: str = "") -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.get(f"/v1/audit?{query}").json()["data"]
    return found


def test_every_change_leaves_its_key_and_request(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    key = client.post("/v1/api-keys", json={"name": "ci"}).json()
    client.delete(f"/v1/api-keys/{key['id']}")
    client.put("/v1/datasets/d/content", content=make.CSV)
    make.work_off(client.get("/v1/datasets/d").json()["links"]["parse_job"].rpartition("/")[2])
    job = client.post("/v1/jobs", json=ANALYZE, headers={"X-Request-ID": "of-the-job-1"}).json()
    for _ in range(2):
        client.post(f"/v1/jobs/{job['id']}/cancel")
    client.delete("/v1/datasets/d")

    found = entries(client)[::-1]

    assert [(entry["action"], entry["resource"]) for entry in found[1:]] == [
        ("key.created", f"/v1/api-keys/{key['id']}"),
        ("key.revoked", f"/v1/api-keys/{key['id']}"),
        ("dataset.uploaded", "/v1/datasets/d@1"),
        ("job.submitted", f"/v1/jobs/{job['id']}"),
        ("job.cancelled", f"/v1/jobs/{job['id']}"),
        ("dataset.deleted", "/v1/datasets/d"),
    ]
    assert {entry["key_id"] for entry in found[1:]} == {caller.key_id}
    assert found[4]["request_id"] == "of-the-job-1"
    assert found[0]["key_id"] is None  # the key that the test itself was given


def test_a_change_that_is_refused_leaves_no_entry(client: TestClient) -> None:
    before = entries(client)

    assert client.post("/v1/jobs", json=ANALYZE).status_code == 404
    assert client.delete("/v1/api-keys/key_nobody").status_code == 404

    assert entries(client) == before


def test_a_download_is_noted_once_sent(client: TestClient, caller: Caller) -> None:
    blobs.store().put_bytes("audit/model.mmpkg", b"package")
    digest = checksums.of_bytes(b"package")
    file = {"key": "audit/model.mmpkg", "size": 7, "sha256": digest, "filename": "model.mmpkg"}
    values = {"job_id": f"job_{caller.key_id}", "files": {"package": file}, "summary": {}}
    with transaction() as db:
        models.register(db, caller.project_id, "net", values)
    path = "/v1/models/net/versions/1/download"

    assert client.get(path).content == b"package"
    assert client.head(path).status_code == 200
    assert client.get(path, headers={"If-None-Match": f'"{digest}"'}).status_code == 304

    assert [e["resource"] for e in entries(client, "action=model.downloaded")] == [path]


def test_a_missing_scope_is_noted(client: TestClient, caller: Caller) -> None:
    made = client.post("/v1/api-keys", json={"name": "ci", "scopes": ["predict"]}).json()

    client.get("/v1/jobs", headers={"Authorization": f"Bearer {made['secret']}"})

    (entry,) = entries(client, "action=access.refused")
    assert (entry["outcome"], entry["resource"]) == ("refused", "GET /v1/jobs")
    assert entry["key_id"] == made["id"]


def test_pages_filters_and_projects(client: TestClient, caller: Caller) -> None:
    for name in "abc":
        client.post("/v1/api-keys", json={"name": name})

    first = client.get("/v1/audit?limit=2&action=key.created").json()
    rest = client.get(f"/v1/audit?action=key.created&cursor={first['next_cursor']}").json()
    stranger = {"Authorization": f"Bearer {new_key('admin')}"}

    whole = entries(client, "action=key.created")
    assert first["data"] + rest["data"] == whole
    assert len(entries(client, f"key_id={caller.key_id}")) == 3
    assert client.get("/v1/audit", headers=stranger).json()["data"][0]["key_id"] is None
    wrong = client.get("/v1/audit?action=key.create").json()
    assert (wrong["code"], wrong["remedy"]) == ("invalid_filter", "did you mean 'key.created'?")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET outcome = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"],
)
def test_nothing_is_ever_changed_or_removed(caller: Caller, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="append-only"), transaction() as db:
        db.execute(text(statement))
