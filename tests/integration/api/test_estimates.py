"""Estimates over HTTP: the same body as a job's, answered before anything is queued."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.domain.callers import SCOPES, Caller
from tests.integration import jobs as make
from tests.integration.conftest import new_key

TRAIN = {"kind": "train", "dataset": "d", "target": "y"}


@pytest.fixture(autouse=True)
def dataset(caller: Caller, tmp_path: Path) -> None:
    make.work_off(make.upload(caller, tmp_path).job_id)


def test_answers_with_seconds_and_memory_and_queues_nothing(client: TestClient) -> None:
    answer = client.post("/v1/estimates", json=TRAIN).json()

    assert answer["decision"] == "accept"
    assert 0 < answer["seconds"]["p50"] <= answer["seconds"]["p90"]
    assert 0 < answer["memory_bytes"]["p50"] <= answer["memory_bytes"]["p90"]
    assert answer["size"] == {"rows": 80, "columns": 2, "classes": 0}
    assert answer["spec"]["split"]["test"] == 0.2
    assert answer["links"]["submit"] == "/v1/jobs"
    assert client.get("/v1/jobs").json()["data"] == []


def test_more_rows_cost_more(client: TestClient) -> None:
    rows = {"rows": [1000, 100_000]}
    answer = client.post("/v1/estimates", json=TRAIN, params=rows).json()

    few, many = answer["what_if"]
    assert (few["rows"], many["rows"]) == (1000, 100_000)
    assert answer["seconds"]["p50"] <= few["seconds"]["p50"] < many["seconds"]["p50"]


def test_a_body_that_does_not_fit_is_rejected_with_the_problem(client: TestClient) -> None:
    answer = client.post("/v1/estimates", json={**TRAIN, "target": "yy"})

    assert answer.status_code == 200
    found = answer.json()
    assert (found["decision"], found["refusal"]["code"]) == ("reject", "column_not_found")
    assert "'y'" in found["refusal"]["remedy"]
    assert found["seconds"] is None


def test_a_job_that_would_run_out_of_time_is_rejected_with_the_reason(client: TestClient) -> None:
    spec = {**TRAIN, "compute": {"max_wall_seconds": 10}}
    answer = client.post("/v1/estimates", json=spec, params={"rows": 50_000_000}).json()

    assert answer["what_if"][0]["decision"] == "reject"


def test_a_dataset_of_another_project_does_not_exist(client: TestClient) -> None:
    other = {"Authorization": f"Bearer {new_key(*SCOPES)}"}

    assert client.post("/v1/estimates", json=TRAIN, headers=other).json()["code"] == "not_found"


def test_needs_a_scope_and_a_body_without_slips(client: TestClient) -> None:
    reader = {"Authorization": f"Bearer {new_key('datasets:read')}"}

    refused = client.post("/v1/estimates", json=TRAIN, headers=reader)
    misspelt = client.post("/v1/estimates", json={**TRAIN, "sed": 1})

    assert refused.json()["code"] == "scope_missing"
    assert misspelt.json()["code"] == "spec_invalid"


def test_a_finished_job_keeps_its_estimate_beside_what_it_took(client: TestClient) -> None:
    spec = {"kind": "analyze", "dataset": "d"}
    before = client.get("/v1/estimates/accuracy").json()
    queued = client.post("/v1/jobs", json=spec).json()
    make.work_off(queued["id"])

    job = client.get(queued["links"]["self"]).json()
    after = client.get("/v1/estimates/accuracy").json()

    assert before == {
        "n_jobs": 0,
        "seconds": {"p50": None, "p90": None},
        "memory_bytes": {"p50": None, "p90": None},
    }
    assert queued["usage"] is None
    assert queued["estimate"]["seconds"]["p90"] > 0
    assert job["usage"]["seconds"] > 0
    assert job["usage"]["memory_bytes"] > 50 << 20
    assert job["usage"]["attempts"] == 1
    within = job["usage"]["within_p90"]
    assert within == {name: job["usage"][name] <= job["estimate"][name]["p90"] for name in within}
    assert after["n_jobs"] == 1
    assert after["seconds"]["p90"] == float(within["seconds"])
