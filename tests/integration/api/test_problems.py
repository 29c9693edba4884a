"""Every error is one problem body that names the field and says what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.domain.callers import Caller
from tests.integration import jobs as make

TRAIN = {"kind": "train", "dataset": "d", "target": "y"}


def problem(answer: Response) -> dict[str, Any]:
    """The body, after the members that every problem has were checked."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["owner"] in ("user", "service", "capacity")
    assert body["detail"]
    assert body["remedy"], body
    return body


@pytest.fixture
def dataset(caller: Caller, tmp_path: Path) -> None:
    make.work_off(make.upload(caller, tmp_path).job_id)


@pytest.mark.parametrize(
    ("change", "code", "hint"),
    [
        ({"kind": "trian"}, "spec_invalid", "'train'"),
        ({"spilt": {}}, "spec_invalid", "'split'"),
        ({"split": {"tset": 0.2}}, "spec_invalid", "'test'"),
        ({"split": {"test": 0.9}}, "spec_invalid", None),
        ({"target": None}, "spec_invalid", None),
        ({"target": "Y2"}, "column_not_found", "y"),
        ({"target": "gruop"}, "column_not_found", "'group'"),
        ({"features": {"exclude": ["xx"]}}, "column_not_found", None),
        ({"features": {"include": ["y"]}}, "spec_invalid", None),
        ({"dataset": "dd"}, "not_found", "'d'"),
        ({"dataset": "d@7"}, "not_found", None),
        ({"dataset": "d@one"}, "spec_invalid", None),
    ],
)
def test_a_wrong_spec_is_refused_with_the_nearest_name(
    client: TestClient, dataset: None, change: dict[str, Any], code: str, hint: str | None
) -> None:
    answer = client.post("/v1/jobs", json={**TRAIN, **change})

    body = answer.json()
    assert body["code"] == code
    assert body["owner"] == "user"
    if hint:
        assert hint in problem(answer)["remedy"]
    assert client.get("/v1/jobs").json()["data"] == []


def test_a_missing_field_is_named(client: TestClient) -> None:
    body = client.post("/v1/jobs", json={"kind": "train", "dataset": "d"}).json()

    assert body["errors"][0]["pointer"] == "/target"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/nothing", "route_not_found"),
        ("PUT", "/v1/jobs", "method_not_allowed"),
        ("GET", "/v1/jobs/job_nope", "not_found"),
        ("GET", "/v1/jobs/job_%00", "not_storable"),
        ("GET", "/v1/datasets/a%00b@1", "not_storable"),
        ("GET", "/v1/jobs?cursor=zzz", "invalid_cursor"),
        ("GET", "/v1/jobs?kind=trian", "invalid_filter"),
        ("GET", "/v1/jobs?status=done", "spec_invalid"),
        ("GET", "/v1/jobs?limit=0", "spec_invalid"),
    ],
)
def test_errors_of_the_framework_are_problems_too(
    client: TestClient, method: str, path: str, code: str
) -> None:
    answer = client.request(method, path)

    assert answer.json()["code"] == code
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_method_that_is_not_allowed_names_those_that_are(client: TestClient) -> None:
    assert client.put("/v1/jobs").headers["Allow"] == "GET, POST"
    assert client.post("/v1/datasets/d").headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    "change",
    [{"labels": {"a": "nul \x00"}}, {"split": {"test": float("nan")}}, {"fine_tune": 0}],
)
def test_what_cannot_be_stored_or_is_of_another_type_is_refused(
    client: TestClient, dataset: None, change: dict[str, Any]
) -> None:
    content = json.dumps({**TRAIN, **change}).encode()

    answer = client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert client.get("/v1/jobs").json()["data"] == []


def test_broken_json_is_told_apart(client: TestClient) -> None:
    answer = client.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})

    assert problem(answer)["code"] == "malformed_json"


def test_a_huge_body_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/jobs", json={**TRAIN, "name": "x" * (9 << 20)})

    assert problem(answer)["code"] == "payload_too_large"


def test_a_declared_length_of_terabytes_is_refused_unread(client: TestClient) -> None:
    answer = client.put(
        "/v1/datasets/big/content", content=b"x", headers={"Content-Length": str(1 << 41)}
    )

    assert answer.json()["code"] == "payload_too_large"
    assert client.get("/v1/datasets").json()["data"] == []


def test_too_few_rows_are_refused_before_the_queue(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    rows = "".join(f"{i},{i}\n" for i in range(20))
    make.work_off(make.upload(caller, tmp_path, "x,y\n" + rows).job_id)

    answer = client.post("/v1/jobs", json=TRAIN)

    assert problem(answer)["code"] == "too_few_rows"
    assert "50" in answer.json()["detail"]


def test_a_target_with_one_value_is_refused(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    rows = "".join(f"{i},7\n" for i in range(80))
    make.work_off(make.upload(caller, tmp_path, "x,y\n" + rows).job_id)

    assert problem(client.post("/v1/jobs", json=TRAIN))["code"] == "target_not_usable"


def test_a_dataset_that_is_still_parsed_or_invalid_is_refused(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    version = make.upload(caller, tmp_path, "x,x\n1,2\n")
    assert problem(client.post("/v1/jobs", json=TRAIN))["code"] == "dataset_not_ready"

    make.work_off(version.job_id)

    refused = problem(client.post("/v1/jobs", json=TRAIN))
    assert refused["code"] == "dataset_invalid"
    assert refused["problems"]


def test_a_harmless_request_id_is_kept(client: TestClient) -> None:
    assert (
        client.get("/livez", headers={"X-Request-ID": "abc-12345"}).headers["X-Request-ID"]
        == "abc-12345"
    )
    assert client.get("/livez", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"] != "a b"
