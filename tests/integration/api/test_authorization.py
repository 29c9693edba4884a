"""Every route against every kind of caller. A route without a row here fails the first test."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.db.queries import models, moves
from app.db.session import transaction
from app.domain.callers import SCOPES, Caller
from app.embedded.servers import Endpoints
from app.main import create_app
from app.science.export import package_writer
from app.services import attempts, blobs, keys
from app.services import jobs as job_service
from app.storage import checksums
from tests.integration import jobs as make
from tests.integration.conftest import new_key
from tests.unit.science.export import models as networks

ANYBODY = ("/livez", "/readyz")


@dataclass(frozen=True)
class Row:
    """What a route wants: a scope, or any key; and what it answers to the owner and to others.

    ``other`` is 404 for everything that belongs to a project; 2xx where a caller of another
    project asks for, or makes, things of its own.
    """

    scope: str | None
    owner: int
    other: int = 404
    body: dict[str, Any] = field(default_factory=dict)


def json(**body: object) -> dict[str, Any]:
    return {"json": body}


DOCUMENT = Row("jobs:read", 409)  # the job ended before it was made: the owner may know that
JOB = json(kind="train", dataset="d@1", target="y")
PREDICT = json(columns=["age", "city", "when", "income"], rows=[[1, "Nara", None, 2]])
HOOK = json(url="https://example.com/hook")
ROWS: dict[str, Row] = {
    "GET /v1/me": Row(None, 200, 200),
    "GET /v1/capabilities": Row(None, 200, 200),
    "GET /v1/status": Row(None, 200, 200),
    "GET /v1/api-keys": Row("admin", 200, 200),
    "POST /v1/api-keys": Row("admin", 201, 201, json(name="new")),
    "GET /v1/datasets": Row("datasets:read", 200, 200),
    "POST /v1/datasets": Row(
        "datasets:write", 202, 202, {"data": {"name": "e"}, "files": {"file": ("f.csv", b"a\n1")}}
    ),
    "GET /v1/datasets/{reference}": Row("datasets:read", 200),
    "GET /v1/datasets/{name}/versions": Row("datasets:read", 200),
    "GET /v1/datasets/{reference}/profile": Row("datasets:read", 200),
    "GET /v1/datasets/{reference}/validation": Row("datasets:read", 200),
    "PATCH /v1/datasets/{reference}": Row(
        "datasets:write", 202, body=json(columns={"x": "categorical"})
    ),
    "POST /v1/estimates": Row("jobs:read", 200, body=JOB),
    "GET /v1/estimates/accuracy": Row("jobs:read", 200, 200),
    "GET /v1/jobs": Row("jobs:read", 200, 200),
    "POST /v1/jobs": Row("jobs:write", 202, body=JOB),
    "GET /v1/jobs/{job_id}": Row("jobs:read", 200),
    "POST /v1/jobs/{job_id}/cancel": Row("jobs:write", 200),
    "POST /v1/jobs/{job_id}/pause": Row("jobs:write", 409),  # it has ended
    "POST /v1/jobs/{job_id}/resume": Row("jobs:write", 200),
    "GET /v1/jobs/{job_id}/events": Row("jobs:read", 200),
    "GET /v1/jobs/{job_id}/stream": Row("jobs:read", 200),
    "GET /v1/jobs/{job_id}/artifacts": Row("jobs:read", 200),
    "GET /v1/jobs/{job_id}/artifacts/{artifact}": Row("jobs:read", 200),
    "HEAD /v1/jobs/{job_id}/artifacts/{artifact}": Row("jobs:read", 200),
    "GET /v1/jobs/{job_id}/intrinsic-dimension": DOCUMENT,
    "GET /v1/jobs/{job_id}/structure": DOCUMENT,
    "GET /v1/jobs/{job_id}/invariance": DOCUMENT,
    "GET /v1/jobs/{job_id}/advice": DOCUMENT,
    "GET /v1/jobs/{job_id}/double-descent": DOCUMENT,
    "GET /v1/jobs/{job_id}/comparison": DOCUMENT,
    "GET /v1/jobs/{job_id}/loss-surface": DOCUMENT,
    "GET /v1/jobs/{job_id}/forecast": DOCUMENT,
    "GET /v1/jobs/{job_id}/report": DOCUMENT,
    "GET /v1/models": Row("models:read", 200, 200),
    "GET /v1/models/{reference}": Row("models:read", 200),
    "GET /v1/models/{name}/versions": Row("models:read", 200),
    "GET /v1/models/{name}/versions/{version}": Row("models:read", 200),
    "GET /v1/models/{name}/versions/{version}/download": Row("models:read", 200),
    "HEAD /v1/models/{name}/versions/{version}/download": Row("models:read", 200),
    "POST /v1/models/{name}/versions/{version}/predict": Row("predict", 200, body=PREDICT),
    "GET /v1/audit": Row("admin", 200, 200),
    "GET /v1/webhooks": Row("webhooks:read", 200, 200),
    "POST /v1/webhooks": Row("webhooks:write", 201, 201, HOOK),
    "GET /v1/webhooks/{webhook_id}": Row("webhooks:read", 200),
    "PATCH /v1/webhooks/{webhook_id}": Row("webhooks:write", 200, body=json(description="ours")),
    "POST /v1/webhooks/{webhook_id}/rotate-secret": Row("webhooks:write", 200),
    "POST /v1/webhooks/{webhook_id}/test": Row("webhooks:write", 202),
    "GET /v1/webhooks/{webhook_id}/deliveries": Row("webhooks:read", 200),
    "GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}": Row("webhooks:read", 200),
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay": Row("webhooks:write", 202),
    # Last, because they change what the others read.
    "DELETE /v1/webhooks/{webhook_id}": Row("webhooks:write", 204),
    "DELETE /v1/api-keys/{key_id}": Row("admin", 204),
    "DELETE /v1/datasets/{reference}": Row("datasets:delete", 409),  # a job of the owner's reads it
    "PUT /v1/datasets/{name}/content": Row("datasets:write", 202, 202, {"content": b"a\n1\n"}),
}


@dataclass(frozen=True)
class World:
    """One project with one thing of each kind, a second one with nothing, and their keys."""

    client: TestClient
    owner: str
    stranger: str
    revoked: str
    places: dict[str, str]

    def call(self, route: str, key: str | None) -> Response:
        """Call a route on the owner's things."""
        method, path = route.split(" ")
        if path.startswith("/v1/models"):
            path = path.replace("{reference}", "m").replace("{name}", "m")
        path = path.format(**self.places)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        answer: Response = self.client.request(method, path, headers=headers, **ROWS[route].body)
        return answer


@pytest.fixture(scope="module")
def world(service: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    owner, stranger = new_key(*SCOPES), new_key(*SCOPES)
    with transaction() as db:
        caller = keys.authenticate(db, owner)
        revoked_key, revoked = keys.create(db, caller.project_id, "revoked", SCOPES)
        spare, _ = keys.create(db, caller.project_id, "spare", SCOPES)
        keys.revoke(db, caller, revoked_key.id)
    make.work_off(make.upload(caller, folder).job_id)
    with TestClient(create_app(), raise_server_exceptions=False) as client:
        made = World(client, owner, stranger, revoked, {"name": "d", "reference": "d"})
        job_id = made.call("POST /v1/jobs", owner).json()["id"]
        leave_an_artifact(caller, job_id, folder)
        leave_a_model(caller, job_id, folder)
        made.places.update(job_id=job_id, artifact="note.txt", version="1", key_id=spare.id)
        made.places["webhook_id"] = made.call("POST /v1/webhooks", owner).json()["id"]
        sent = made.call("POST /v1/webhooks/{webhook_id}/test", owner).json()
        made.places["delivery_id"] = sent["id"]
        yield made


def leave_an_artifact(caller: Caller, job_id: str, folder: Path) -> None:
    """End the job in the middle, with one file for people."""
    job = make.claim(job_id)
    file = stored(caller, folder / "note.txt", b"for the owner's eyes only")
    output = {"files": {"public/note.txt": file}, "headline": {}, "seconds": 0.1}
    with transaction() as db:
        moves.complete_phase(db, job_id, job.fencing_token, "materialize", output)
        job_service.cancel(db, caller, job_id)
        attempts.cancelled(db, job)


def leave_a_model(caller: Caller, job_id: str, folder: Path) -> None:
    """Register a small network."""
    file = stored(caller, folder / "m", package_writer.package_bytes(networks.trained()))
    files = {"package": {**file, "filename": "model.mmpkg"}}
    with transaction() as db:
        models.register(
            db, caller.project_id, "m", {"job_id": job_id, "files": files, "summary": {}}
        )


def stored(caller: Caller, path: Path, content: bytes) -> dict[str, Any]:
    path.write_bytes(content)
    return blobs.put(caller.project_id, path, checksums.of_bytes(content))


def test_every_route_has_a_row() -> None:
    paths = create_app().openapi()["paths"]
    published = {
        f"{method.upper()} {path}".replace("/artifacts/{name}", "/artifacts/{artifact}")
        for path, operations in paths.items()
        for method in operations
        if path not in ANYBODY
    }
    assert published == {route for route in ROWS if not route.startswith("HEAD")}


def test_all_of_a_strangers_requests_find_nothing(world: World) -> None:
    """The owner's things are there all the while: the next test reads them."""
    for route, row in ROWS.items():
        answer = world.call(route, world.stranger)
        assert answer.status_code == row.other, (route, answer.text)
        for secret in ("for the owner's eyes", world.places["job_id"], world.places["key_id"]):
            assert secret not in answer.text or answer.status_code == 404, route


def test_no_key_and_a_revoked_one_are_refused(world: World) -> None:
    for route in ROWS:
        assert world.call(route, None).status_code == 401, route
        assert world.call(route, world.revoked).status_code == 401, route


def test_a_key_without_the_scope_is_refused_and_one_with_nothing_else_is_not(world: World) -> None:
    with transaction() as db:
        project_id = keys.authenticate(db, world.owner).project_id
    for route, row in ROWS.items():
        if row.scope is None:
            continue
        with transaction() as db:
            others = [scope for scope in SCOPES if scope != row.scope]
            _, lacking = keys.create(db, project_id, "lacking", others)
        assert world.call(route, lacking).status_code == 403, route


def test_the_owner_gets_what_it_asks_for(world: World) -> None:
    with transaction() as db:
        project_id = keys.authenticate(db, world.owner).project_id
    for route, row in ROWS.items():
        with transaction() as db:
            _, exact = keys.create(db, project_id, "exact", [row.scope or "predict"])
        answer = world.call(route, exact)
        assert answer.status_code == row.owner, (route, answer.text)
