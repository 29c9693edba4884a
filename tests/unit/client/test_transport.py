"""Patience and its limits, against a real server."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.client import ApiError, Client, ConnectionFailed, Patience, RequestInvalid, TooBusy
from app.client.transport import seconds_of
from tests.unit.client.documents import job
from tests.unit.client.service import Reply, Service

BUSY = Reply(503, {"code": "dependency_unavailable", "detail": "away"}, {"Retry-After": "0"})
SPEC = {"kind": "analyze", "dataset": "churn"}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_tries_again_when_the_service_is_busy(
    client: Client, service: Service, status: int
) -> None:
    service.on("GET /v1/me", Reply(status, {}), Reply(200, {"project": "demo"}))

    assert client.me() == {"project": "demo"}
    assert len(service.asked) == 2


def test_all_tries_of_a_job_carry_one_key_and_another_job_another(
    client: Client, service: Service
) -> None:
    service.on("POST /v1/jobs", BUSY, Reply(None), Reply(202, job()))

    client.jobs.create(SPEC)
    client.jobs.create(SPEC)

    keys = [asked.headers["idempotency-key"] for asked in service.asked]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert [asked.json for asked in service.asked] == [SPEC] * 4


def test_gives_up_with_the_words_of_the_service(client: Client, service: Service) -> None:
    service.on("GET /v1/me", BUSY)

    with pytest.raises(TooBusy, match="away"):
        client.me()
    assert len(service.asked) == 3


def test_a_refusal_is_final(client: Client, service: Service) -> None:
    service.on("POST /v1/jobs", Reply(422, {"code": "spec_invalid", "detail": "no"}))

    with pytest.raises(RequestInvalid):
        client.jobs.create(SPEC)
    assert len(service.asked) == 1


def test_a_lost_answer_is_asked_for_again(client: Client, service: Service) -> None:
    service.on("GET /v1/me", Reply(None), Reply(200, {"project": "demo"}))

    assert client.me() == {"project": "demo"}


def test_a_key_is_not_made_twice_when_the_answer_is_lost(client: Client, service: Service) -> None:
    service.on("POST /v1/api-keys", Reply(None))

    with pytest.raises(ConnectionFailed):
        client.create_key("notebook")
    assert len(service.asked) == 1


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"

    with (
        Client(url, "key", patience=Patience(2, 0.001)) as client,
        pytest.raises(ConnectionFailed, match="is the service running"),
    ):
        client.me()


def test_an_error_without_a_problem_body_keeps_status_and_request_id(
    client: Client, service: Service
) -> None:
    service.on("GET /v1/me", Reply(500, b"<html>", {"X-Request-ID": "req_1"}))

    with pytest.raises(ApiError, match="req_1") as caught:
        client.me()
    assert (caught.value.status, caught.value.request_id) == (500, "req_1")


def test_every_request_carries_the_key(client: Client, service: Service) -> None:
    service.on("GET /v1/me", Reply(200, {}))

    client.me()

    assert service.asked[0].headers["authorization"] == "Bearer ank_test"


def test_retry_after_is_seconds_or_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    assert seconds_of("3") == 3.0
    assert 55 < (seconds_of(soon) or 0) < 61
    assert seconds_of("soon") is None
    assert seconds_of(None) is None


def test_pauses_grow_and_end_and_retry_after_counts_for_more() -> None:
    patience = Patience(first_seconds=1.0, longest_seconds=8.0)

    assert 0.5 <= patience.pause(1) <= 1.0
    assert 2.0 <= patience.pause(3) <= 4.0
    assert patience.pause(20) <= 8.0
    assert patience.pause(1, "5") == 5.0
    assert patience.pause(1, "500") == 8.0
