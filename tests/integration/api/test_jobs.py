"""Jobs over HTTP: create once, list, cancel, history, stream."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import JobStatus
from tests.integration import jobs as make

ANALYZE = {"kind": "analyze", "dataset": "d"}
KEY = {"Idempotency-Key": "key-00000001"}


@pytest.fixture(autouse=True)
def dataset(caller: Caller, tmp_path: Path) -> None:
    make.work_off(make.upload(caller, tmp_path).job_id)


def test_stores_the_job_and_its_wake_up_call_together(client: TestClient) -> None:
    answer = client.post("/v1/jobs", json=ANALYZE)

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == job["links"]["self"]
    assert job["status"] == "queued"
    assert job["waiting_reason"] == "no worker for device class 'cpu' is connected"
    with transaction() as db:
        calls = db.execute(text("SELECT count(*) FROM outbox WHERE job_id = :j"), {"j": job["id"]})
        assert calls.scalar_one() == 1


def test_a_repeated_key_returns_the_first_job(client: TestClient) -> None:
    first = client.post("/v1/jobs", json=ANALYZE, headers=KEY)
    again = client.post("/v1/jobs", json=ANALYZE, headers=KEY)

    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(client.get("/v1/jobs").json()["data"]) == 1


def test_one_key_in_many_requests_at_once_makes_one_job(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: client.post("/v1/jobs", json=ANALYZE, headers=KEY), range(8))
        )

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_key_with_another_body_is_refused(client: TestClient) -> None:
    client.post("/v1/jobs", json=ANALYZE, headers=KEY)
    answer = client.post("/v1/jobs", json={**ANALYZE, "seed": 1}, headers=KEY)

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"


def test_pages_show_every_job_once_newest_first(client: TestClient) -> None:
    made = [client.post("/v1/jobs", json=ANALYZE).json()["id"] for _ in range(5)]

    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/jobs", params=params).json()
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break

    assert seen == made[::-1]


def test_lists_filter_by_status_and_kind(client: TestClient) -> None:
    kept = client.post("/v1/jobs", json=ANALYZE).json()["id"]
    ended = client.post("/v1/jobs", json=ANALYZE).json()["id"]
    client.post(f"/v1/jobs/{ended}/cancel")

    def listed(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").json()["data"]]

    assert listed("status=queued") == [kept]
    assert listed("status=cancelled&kind=analyze") == [ended]
    assert listed("status=queued&status=cancelled") == [ended, kept]
    assert listed("kind=train") == []


def test_a_queued_job_is_cancelled_at_once_and_for_good(client: TestClient) -> None:
    job = client.post("/v1/jobs", json=ANALYZE).json()

    first = client.post(f"/v1/jobs/{job['id']}/cancel").json()
    again = client.post(f"/v1/jobs/{job['id']}/cancel").json()

    assert first["status"] == again["status"] == "cancelled"
    assert "cancel" not in first["links"]


def test_a_running_job_is_asked_to_end(client: TestClient, caller: Caller) -> None:
    job_id = client.post("/v1/jobs", json=ANALYZE).json()["id"]
    make.claim(job_id)

    answer = client.post(f"/v1/jobs/{job_id}/cancel").json()

    assert (answer["status"], answer["cancel_requested"]) == ("cancelling", True)
    assert make.read_job(caller, job_id).status is JobStatus.CANCELLING


def test_a_job_is_paused_and_resumed_as_often_as_asked_until_it_ends(
    client: TestClient, caller: Caller
) -> None:
    job = client.post("/v1/jobs", json=ANALYZE).json()

    paused = [client.post(job["links"]["pause"]).json() for _ in range(2)]
    resumed = [client.post(paused[0]["links"]["resume"]).json() for _ in range(2)]
    client.post(job["links"]["cancel"])
    refused, ended = client.post(job["links"]["pause"]), client.post(paused[0]["links"]["resume"])

    for answer in paused:
        assert (answer["status"], answer["paused"]) == ("queued", True)
        assert (answer["queue_position"], "/resume" in answer["waiting_reason"]) == (None, True)
    for answer in resumed:
        assert (answer["paused"], answer["queue_position"] is None) == (False, False)
    assert make.events_of(caller, job["id"])[:3] == ["job.queued", "job.paused", "job.resumed"]
    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
    assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
    assert client.post("/v1/jobs/job_none/pause").status_code == 404


def test_the_history_can_be_read_from_any_point(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=ANALYZE).json()["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")

    whole = client.get(f"/v1/jobs/{job_id}/events").json()
    rest = client.get(f"/v1/jobs/{job_id}/events?after=1").json()

    assert [event["type"] for event in whole["data"]] == ["job.queued", "job.cancelled"]
    assert rest["data"] == whole["data"][1:]
    assert whole["ended"]


def test_the_stream_ends_and_resumes_after_the_last_event_seen(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=ANALYZE).json()["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")

    whole = frames(client.get(f"/v1/jobs/{job_id}/stream").text)
    rest = frames(client.get(f"/v1/jobs/{job_id}/stream", headers={"Last-Event-ID": "1"}).text)

    assert [frame["event"] for frame in whole] == ["job.queued", "job.cancelled", "end"]
    assert [frame.get("id") for frame in whole] == ["1", "2", None]
    assert rest == whole[1:]
    assert json.loads(whole[0]["data"])["seq"] == 1


def test_a_document_before_its_phase_says_when_it_will_be_there(client: TestClient) -> None:
    job_id = client.post("/v1/jobs", json=ANALYZE).json()["id"]

    early = client.get(f"/v1/jobs/{job_id}/intrinsic-dimension").json()
    never = client.get(f"/v1/jobs/{job_id}/advice").json()
    client.post(f"/v1/jobs/{job_id}/cancel")
    late = client.get(f"/v1/jobs/{job_id}/intrinsic-dimension").json()

    assert (early["code"], early["available_after_phase"]) == ("phase_not_reached", "dimension")
    assert (never["code"], late["code"]) == ("document_not_made", "state_conflict")


def frames(text_stream: str) -> list[dict[str, str]]:
    """The frames of a finished stream."""
    found = []
    for block in text_stream.strip().split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        found.append({key: value for key, _, value in lines})
    return found
