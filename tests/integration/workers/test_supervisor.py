"""One attempt, however its child process ends: the job always ends, and says why."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db.queries import moves
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import Job, JobStatus
from app.services import datasets
from app.services import jobs as job_service
from app.settings import settings
from app.storage import checksums
from tests.integration import jobs as make
from workers import supervisor

SCRIPTED = "tests.integration.workers.scripted_child"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "heartbeat_seconds", 0.1)
    monkeypatch.setattr(settings, "cancel_grace_seconds", 0.5)


def job_for(caller: Caller, folder: Path, script: str) -> Job:
    """A queued job whose child plays ``script``."""
    path = folder / "content"
    path.write_bytes(b"x")
    stored = datasets.store_upload(caller, path, script, checksums.of_file(path))
    with transaction() as db:
        version, _ = datasets.add_version(db, caller, "d", stored)
    return make.read_job(caller, version.job_id)


def attempt(job: Job, draining: threading.Event | None = None) -> None:
    """One attempt with the scripted child."""
    supervisor.run(make.claim(job.id), draining or threading.Event(), SCRIPTED)


@pytest.fixture
def running(caller: Caller, tmp_path: Path) -> Iterator[Callable[..., threading.Thread]]:
    """Start an attempt in a thread and wait until its child runs."""
    threads: list[threading.Thread] = []

    def start(job: Job, draining: threading.Event | None = None) -> threading.Thread:
        thread = threading.Thread(target=attempt, args=(job, draining))
        thread.start()
        threads.append(thread)
        until(lambda: "job.phase_started" in make.events_of(caller, job.id))
        return thread

    yield start
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for an observable event."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def processes_of(job: Job) -> list[int]:
    """Processes whose command line names the job's folder."""
    return [pid for pid in pids() if job.id.encode() in read(pid, "cmdline")]


def alive_in_group(group: int) -> list[int]:
    """Processes of the group that are more than an entry nobody has collected yet."""
    fields = {pid: read(pid, "stat").rpartition(b") ")[2].split() for pid in pids()}
    return [pid for pid, f in fields.items() if f and int(f[2]) == group and f[0] != b"Z"]


def pids() -> list[int]:
    """All processes of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def read(pid: int, name: str) -> bytes:
    """A file of a process; nothing once it is gone."""
    try:
        return (Path("/proc") / str(pid) / name).read_bytes()
    except OSError:
        return b""


def test_success_is_one_ready_dataset(caller: Caller, tmp_path: Path) -> None:
    job = job_for(caller, tmp_path, "ok")

    attempt(job)

    assert make.read_job(caller, job.id).status is JobStatus.SUCCEEDED
    assert make.events_of(caller, job.id) == [
        "job.queued",
        "job.starting",
        "job.running",
        "job.phase_started",
        "job.phase_completed",
        "job.finalizing",
        "job.succeeded",
    ]
    with transaction() as db:
        version = datasets.get(db, caller, "d")
    assert (version.status, list(version.files)) == ("ready", ["table.parquet"])


def test_a_killed_child_is_tried_again(caller: Caller, tmp_path: Path) -> None:
    job = job_for(caller, tmp_path, "kill-once")

    attempt(job)
    assert make.read_job(caller, job.id).status is JobStatus.QUEUED
    attempt(job)

    ended = make.read_job(caller, job.id)
    assert (ended.status, ended.attempt, ended.crashes) == (JobStatus.SUCCEEDED, 2, 1)


def test_a_job_that_always_crashes_fails_with_the_reason(caller: Caller, tmp_path: Path) -> None:
    job = job_for(caller, tmp_path, "kill-always")

    for _ in range(settings.max_crashes + 1):
        attempt(job)

    ended = make.read_job(caller, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert (ended.error["code"], ended.error["owner"]) == ("worker_crashed", "service")
    assert "SIGKILL" in ended.error["message"]
    with transaction() as db:
        assert datasets.get(db, caller, "d").status == "invalid"


def test_an_end_without_a_result_is_a_crash(caller: Caller, tmp_path: Path) -> None:
    job = job_for(caller, tmp_path, "silent")

    attempt(job)

    assert make.read_job(caller, job.id).crashes == 1


def test_junk_on_the_pipe_is_dropped(caller: Caller, tmp_path: Path) -> None:
    job = job_for(caller, tmp_path, "junk")

    attempt(job)

    assert make.read_job(caller, job.id).status is JobStatus.SUCCEEDED


def test_a_users_error_is_not_tried_again(caller: Caller, tmp_path: Path) -> None:
    job = job_for(caller, tmp_path, "user-error")

    attempt(job)

    ended = make.read_job(caller, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert (ended.error["owner"], ended.error["hint"]) == ("user", "repair it")


@pytest.mark.parametrize("script", ["hang", "stubborn"])
def test_a_cancel_ends_the_child_and_its_children(
    caller: Caller, tmp_path: Path, running: Callable[..., threading.Thread], script: str
) -> None:
    job = job_for(caller, tmp_path, script)
    thread = running(job)
    (child,) = processes_of(job)

    with transaction() as db:
        job_service.cancel(db, caller, job.id)
    thread.join(20)

    assert make.read_job(caller, job.id).status is JobStatus.CANCELLED
    until(lambda: not alive_in_group(child))


def test_a_job_over_its_time_fails_and_says_what_to_change(
    caller: Caller, tmp_path: Path, running: Callable[..., threading.Thread]
) -> None:
    job = job_for(caller, tmp_path, "hang")
    with transaction() as db:
        db.execute(text("UPDATE job SET max_wall_seconds = 1 WHERE id = :id"), {"id": job.id})

    running(job).join(20)

    ended = make.read_job(caller, job.id)
    assert ended.error is not None
    assert (ended.status, ended.error["code"]) == (JobStatus.FAILED, "deadline_exceeded")
    assert "max_wall_seconds" in ended.error["hint"]


def test_a_drained_worker_gives_its_job_back(
    caller: Caller, tmp_path: Path, running: Callable[..., threading.Thread]
) -> None:
    job, draining = job_for(caller, tmp_path, "hang"), threading.Event()
    thread = running(job, draining)

    draining.set()
    thread.join(20)

    again = make.read_job(caller, job.id)
    assert (again.status, again.attempt, again.crashes) == (JobStatus.QUEUED, 0, 0)


def test_a_worker_that_lost_its_lease_kills_its_child_and_writes_nothing(
    caller: Caller, tmp_path: Path, running: Callable[..., threading.Thread]
) -> None:
    job = job_for(caller, tmp_path, "hang")
    thread = running(job)
    with transaction() as db:
        moves.requeue(db, job.id, reason="test", cost="crash")
    before = make.events_of(caller, job.id)

    thread.join(20)

    assert not processes_of(job)
    assert make.events_of(caller, job.id) == before
    assert make.read_job(caller, job.id).status is JobStatus.QUEUED


def test_the_childs_environment_holds_no_credentials(
    caller: Caller, tmp_path: Path, running: Callable[..., threading.Thread],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("ADAPTNET_DATABASE_URL", "secret")
    job = job_for(caller, tmp_path, "hang")
    running(job)
    (child,) = processes_of(job)

    environment = Path(f"/proc/{child}/environ").read_bytes()
    os.killpg(child, signal.SIGKILL)

    assert b"ADAPTNET_DATABASE_URL" not in environment
    assert b"secret" not in environment
