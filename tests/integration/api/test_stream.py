"""The live history from a real server: cut anywhere, it goes on without a gap or a repetition."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from app.client import Client, Patience
from app.client.events import frames
from app.db.queries import moves
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import Job
from app.services import attempts
from tests.integration import jobs as make
from tests.integration.api.conftest import Logged
from tests.integration.server import Served, serving

N_NOTES = 120
SEQS = list(range(1, N_NOTES + 4))  # queued, starting, the notes, failed


@pytest.fixture
def job(caller: Caller, tmp_path: Path) -> Job:
    return make.claim(make.upload(caller, tmp_path).job_id)


@pytest.fixture
def writer(job: Job) -> Iterator[Callable[[], None]]:
    """Start to write the job's history, as fast as it goes, to its end."""

    def write() -> None:
        for number in range(N_NOTES):
            with transaction() as db:
                moves.record(db, job.id, job.fencing_token, "job.note", {"number": number})
        with transaction() as db:
            assert attempts.fail(db, job, {"code": "test", "message": "over"})

    thread = threading.Thread(target=write)
    yield thread.start
    thread.join(60)


def read_in_pieces(served: Served, secret: str, job: Job, piece: int) -> list[int]:
    """The numbers of all entries, over connections that are dropped after ``piece`` of them."""
    seen: list[int] = []
    headers = {"Authorization": f"Bearer {secret}"}
    while True:
        last = {"Last-Event-ID": str(seen[-1])} if seen else {}
        url = f"{served.url}/v1/jobs/{job.id}/stream"
        with httpx.stream("GET", url, headers=headers | last, timeout=30) as answer:
            n_here = 0
            for frame in frames(answer.iter_lines()):
                if frame.event == "end":
                    return seen
                if frame.id is not None:
                    seen.append(int(frame.id))
                    n_here += 1
                if n_here == piece:
                    break


def test_readers_that_break_off_anywhere_see_every_entry_once(
    live: Logged, secret: str, job: Job, writer: Callable[[], None]
) -> None:
    pieces = (5, 23, 1000)
    with ThreadPoolExecutor(len(pieces)) as pool:
        writer()
        seen = list(pool.map(lambda piece: read_in_pieces(live.served, secret, job, piece), pieces))

    assert seen == [SEQS] * len(pieces)


def test_a_server_that_is_killed_in_mid_stream_costs_nothing(
    secret: str, job: Job, writer: Callable[[], None], tmp_path: Path
) -> None:
    patience, log = Patience(600, 0.05, 0.1), tmp_path / "log.txt"
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(serving(log))
        client = stack.enter_context(Client(served.url, secret, patience=patience))
        stream = client.jobs.get(job.id).stream()
        writer()
        seen = [next(stream).seq for _ in range(20)]
        served.process.kill()
        served.process.wait(20)
        stack.enter_context(serving(log, served.port))
        seen += [event.seq for event in stream]

    assert [seq for seq in seen if seq is not None] == SEQS


def test_a_job_that_does_not_exist_is_refused_before_the_stream(client: TestClient) -> None:
    answer = client.get("/v1/jobs/job_nope/stream")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_idle_stream_is_kept_open_by_comments(live: Logged, secret: str, job: Job) -> None:
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"{live.served.url}/v1/jobs/{job.id}/stream"
    with httpx.stream("GET", url, headers=headers, timeout=30) as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
        assert ": ping" in answer.iter_lines()
