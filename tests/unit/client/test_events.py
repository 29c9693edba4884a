"""Server-sent events: the parser, and going on where a connection broke."""

import json

import pytest

from app.client import Client, ConnectionFailed
from app.client.events import Frame, frames
from tests.unit.client.documents import entry, job
from tests.unit.client.service import Reply, Service

STREAM = "GET /v1/jobs/job_1/stream"


def kept(seq: int, kind: str, **data: object) -> bytes:
    body = json.dumps(entry(seq, kind, **data))
    return f"event: {kind}\nid: {seq}\nretry: 1\ndata: {body}\n\n".encode()


def passing(kind: str, **data: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def test_reads_fields_in_any_order_and_joins_data() -> None:
    lines = ["id: 7", "data: one", "data:two", "event: job.started", "retry: 3000", ""]

    assert list(frames(lines)) == [Frame("job.started", "one\ntwo", "7", 3000)]


def test_leaves_out_comments_and_what_nobody_knows() -> None:
    lines = [": ping", "", "color: red", "data: x", "retry: soon", ""]

    assert list(frames(lines)) == [Frame("message", "x")]


def test_an_event_that_breaks_off_is_dropped() -> None:
    assert list(frames(["data: whole", "", "data: half"])) == [Frame("message", "whole")]


def test_only_one_space_after_the_colon_belongs_to_the_format() -> None:
    assert list(frames(["data:  a: b ", ""])) == [Frame("message", " a: b ")]


def test_goes_on_behind_the_last_event_and_shows_none_twice(
    client: Client, service: Service
) -> None:
    first = b": ping\n\n" + kept(1, "job.queued") + kept(2, "job.running") + b"data: {"
    second = (
        kept(2, "job.running")
        + passing("job.progress", fraction=0.5)
        + kept(3, "job.succeeded")
        + passing("end", status="succeeded")
    )
    service.on("GET /v1/jobs/job_1", Reply(200, job()))
    service.on(STREAM, Reply(200, first, cut=10), Reply(503, {}), Reply(200, second))

    found = list(client.jobs.get("job_1").stream())

    assert [(event.seq, event.type) for event in found] == [
        (1, "job.queued"),
        (2, "job.running"),
        (None, "job.progress"),
        (3, "job.succeeded"),
    ]
    streams = [asked for asked in service.asked if asked.path.endswith("/stream")]
    assert [asked.headers["last-event-id"] for asked in streams] == ["0", "2", "2"]


def test_gives_up_when_connections_bring_nothing(client: Client, service: Service) -> None:
    service.on("GET /v1/jobs/job_1", Reply(200, job()))
    service.on(STREAM, Reply(200, b""))

    with pytest.raises(ConnectionFailed, match="the job itself goes on"):
        list(client.jobs.get("job_1").stream())


def test_all_pages_of_the_history(client: Client, service: Service) -> None:
    full = [entry(seq, "job.note") for seq in range(1, 1001)]
    service.on("GET /v1/jobs/job_1", Reply(200, job()))
    service.on(
        "GET /v1/jobs/job_1/events",
        Reply(200, {"data": full, "last_seq": 1000}),
        Reply(200, {"data": [entry(1001, "job.succeeded")], "last_seq": 1001}),
    )

    found = client.jobs.get("job_1").events()

    assert [event.seq for event in found] == list(range(1, 1002))
    assert service.asked[-1].query["after"] == ["1000"]
