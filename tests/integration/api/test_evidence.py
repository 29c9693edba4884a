"""The documents of jobs over HTTP: in every format, where they are made, to their owner alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db.session import transaction
from app.domain.callers import SCOPES, Caller
from app.embedded.servers import Endpoints
from app.main import create_app
from app.services import keys
from tests.integration import jobs as make
from tests.integration.conftest import new_key


@pytest.fixture(scope="module")
def owner(service: Endpoints) -> Iterator[TestClient]:
    """The application, called with the key of one project for all tests here."""
    headers = {"Authorization": f"Bearer {new_key(*SCOPES)}"}
    with TestClient(create_app(), headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def job(owner: TestClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An ``analyze`` job that has succeeded; no test changes it."""
    with transaction() as db:
        caller = keys.authenticate(db, owner.headers["Authorization"].removeprefix("Bearer "))
    make.work_off(make.upload(caller, tmp_path_factory.mktemp("upload")).job_id)
    queued = owner.post("/v1/jobs", json={"kind": "analyze", "dataset": "d"}).json()
    make.work_off(queued["id"])
    ended: dict[str, Any] = owner.get(queued["links"]["self"]).json()
    return ended


def test_the_report_comes_in_the_format_that_is_asked_for(
    owner: TestClient, job: dict[str, Any]
) -> None:
    link = job["links"]["report"]

    plain = owner.get(link)
    page = owner.get(link, headers={"Accept": "text/html,*/*;q=0.8"})
    text = owner.get(link, params={"format": "markdown"})
    neither = owner.get(link, headers={"Accept": "application/pdf"})
    same = owner.get(link, headers={"Accept": "text/html", "If-None-Match": page.headers["ETag"]})

    assert plain.json()["summary"] == job["result"]
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!DOCTYPE html>")
    assert "script" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert text.text.startswith("# adaptnet report")
    assert neither.status_code == 406
    assert neither.json()["code"] == "format_not_available"
    assert (same.status_code, same.content) == (304, b"")


def test_a_document_that_this_kind_does_not_make_names_the_kinds_that_do(
    owner: TestClient, job: dict[str, Any]
) -> None:
    answer = owner.get(f"/v1/jobs/{job['id']}/comparison")

    assert answer.status_code == 404
    problem = answer.json()
    assert problem["code"] == "document_not_made"
    assert problem["remedy"] == "create a job of kind 'benchmark' or 'train'"
    assert problem["kinds"] == ["benchmark", "train"]
    assert owner.get(f"/v1/jobs/{job['id']}/advice").json()["kinds"] == ["advise", "train"]
    assert owner.get(f"/v1/jobs/{job['id']}/forecast").json()["kinds"] == ["advise", "train"]


def test_links_lead_to_what_the_kind_makes(owner: TestClient, job: dict[str, Any]) -> None:
    assert set(job["links"]) & {"intrinsic-dimension", "advice", "comparison", "report"} == {
        "intrinsic-dimension",
        "report",
    }
    without_target = owner.get(job["links"]["structure"]).json()
    assert without_target["unresolved"]
    assert "`label`" in without_target["sentence"]
    assert owner.get(job["links"]["intrinsic-dimension"]).json()["recommended"]


def test_before_its_phase_a_document_is_announced(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    make.work_off(make.upload(caller, tmp_path).job_id)
    queued = client.post("/v1/jobs", json={"kind": "analyze", "dataset": "d"}).json()

    answer = client.get(queued["links"]["report"])

    assert answer.status_code == 409
    assert answer.json()["available_after_phase"] == "report"


def test_a_job_of_another_project_does_not_exist(owner: TestClient, job: dict[str, Any]) -> None:
    other = {"Authorization": f"Bearer {new_key(*SCOPES)}"}

    for name in ("report", "comparison", "advice", "forecast", "intrinsic-dimension"):
        answer = owner.get(f"/v1/jobs/{job['id']}/{name}", headers=other)
        assert answer.json()["code"] == "not_found", name
