"""One attempt, however its child process ends: the job always ends, and says why."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.db.queries import jobs, moves
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.catalog import KINDS
from app.domain.jobs import Job, JobStatus
from app.services import datasets
from app.services import jobs as job_service
from app.settings import settings
from app.storage import checksums
from app.storage.errors import StoreUnavailable
from tests.integration import jobs as make
from tests.integration.workers.observe import alive_in_group, naming, processes_of, until
from workers import memory, supervisor, workspace
from workers.process import log_excerpt

SCRIPTED = "tests.integration.workers.scripted_child"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "heartbeat_seconds", 0.1)
    monkeypatch.setattr(settings, "cancel_grace_seconds", 0.5)
    monkeypatch.setattr(settings, "drain_grace_seconds", 0.5)
    monkeypatch.setattr(supervisor, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(supervisor, "WEIGH_SECONDS", 0.05)


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
    keeper, _ = processes_of(job)

    with transaction() as db:
        job_service.cancel(db, caller, job.id)
    thread.join(20)

    assert make.read_job(caller, job.id).status is JobStatus.CANCELLED
    until(lambda: not alive_in_group(keeper))


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
    keeper, child = processes_of(job)

    environment = Path(f"/proc/{child}/environ").read_bytes()
    os.killpg(keeper, signal.SIGKILL)

    assert b"ADAPTNET_DATABASE_URL" not in environment
    assert b"secret" not in environment


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The second phase of a stepwise job ends when this file is there."""
    return tmp_path / "gate"


@pytest.fixture
def stepwise(caller: Caller, tmp_path: Path, gate: Path) -> Job:
    """A queued ``analyze`` job whose child goes through its phases."""
    ingested = job_for(caller, tmp_path, str(gate))
    attempt(ingested)
    with transaction() as db:
        values = make.job_values(caller.project_id, dataset_version_id=ingested.dataset_version_id)
        return jobs.create(db, values)


def in_second_phase(caller: Caller, job: Job) -> bool:
    return make.events_of(caller, job.id).count("job.phase_started") == 2


def finished_phases(caller: Caller, job: Job) -> list[str]:
    with transaction() as db:
        history = job_service.events_after(db, caller, job.id, 0, 1000)
    return [e.data["phase"] for e in history if e.type == "job.phase_completed"]


def test_a_pause_takes_effect_at_the_end_of_the_phase_and_nothing_is_done_twice(
    caller: Caller, stepwise: Job, gate: Path, running: Callable[..., threading.Thread]
) -> None:
    thread = running(stepwise)
    until(lambda: in_second_phase(caller, stepwise))
    with transaction() as db:
        paused = job_service.pause(db, caller, stepwise.id)
    assert paused.status is JobStatus.RUNNING

    gate.touch()
    thread.join(20)

    held = make.read_job(caller, stepwise.id)
    assert (held.status, held.attempt, held.crashes) == (JobStatus.QUEUED, 0, 0)
    assert finished_phases(caller, stepwise) == ["materialize", "profile"]
    with transaction() as db:
        assert moves.claim(db, stepwise.id, "test", 30) is None
        job_service.resume(db, caller, stepwise.id)
    gate.with_name("another gate").touch()
    attempt(stepwise)
    assert make.read_job(caller, stepwise.id).status is JobStatus.SUCCEEDED
    assert tuple(finished_phases(caller, stepwise)) == KINDS["analyze"].phases
    told = make.events_of(caller, stepwise.id)
    assert [t for t in told if t in ("job.paused", "job.resumed")] == ["job.paused", "job.resumed"]


def test_a_worker_that_leaves_waits_for_the_end_of_the_phase(
    caller: Caller, stepwise: Job, gate: Path, running: Callable[..., threading.Thread],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(settings, "drain_grace_seconds", 20)
    draining = threading.Event()
    thread = running(stepwise, draining)
    until(lambda: in_second_phase(caller, stepwise))

    draining.set()
    gate.touch()
    thread.join(20)

    again = make.read_job(caller, stepwise.id)
    assert (again.status, again.attempt) == (JobStatus.QUEUED, 0)
    assert finished_phases(caller, stepwise) == ["materialize", "profile"]


@pytest.mark.parametrize("step", ["fill", "carry_off"])
def test_a_transfer_that_hangs_does_not_hold_up_a_cancel(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    reached, over = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        reached.set()
        over.wait(60)

    monkeypatch.setattr(workspace, step, hang)
    job = job_for(caller, tmp_path, "ok")
    thread = threading.Thread(target=attempt, args=(job,))
    thread.start()
    assert reached.wait(20)

    with transaction() as db:
        job_service.cancel(db, caller, job.id)
    thread.join(20)

    assert make.read_job(caller, job.id).status is JobStatus.CANCELLED
    over.set()


def test_a_finished_phase_waits_for_a_store_that_is_away(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = workspace.carry_off, [StoreUnavailable("away"), StoreUnavailable("away")]

    def flaky(job: Job, root: Path, phase: str) -> dict[str, dict[str, Any]]:
        if failures:
            raise failures.pop()
        return real(job, root, phase)

    monkeypatch.setattr(workspace, "carry_off", flaky)
    job = job_for(caller, tmp_path, "ok")

    attempt(job)

    assert make.read_job(caller, job.id).status is JobStatus.SUCCEEDED


def test_a_job_that_lacks_the_store_waits_and_keeps_its_tries(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(workspace, "fill", away)
    job = job_for(caller, tmp_path, "ok")

    attempt(job)

    waits = make.read_job(caller, job.id)
    assert (waits.status, waits.attempt, waits.crashes) == (JobStatus.QUEUED, 0, 0)
    assert waits.capacity_failures == 1
    assert waits.run_after is not None


def test_a_job_that_holds_too_much_memory_in_all_its_processes_is_ended(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "child_memory_bytes", 192 << 20)
    job = job_for(caller, tmp_path, "glutton")

    attempt(job)

    ended = make.read_job(caller, job.id)
    assert ended.error is not None
    assert (ended.status, ended.error["code"]) == (JobStatus.FAILED, "memory_limit_exceeded")
    assert "about to hang" in ended.error["log_excerpt"]
    assert make.exits_of(job.id) == ["memory_limit_exceeded, SIGKILL"]


def test_a_kill_by_the_kernel_is_told_from_a_crash(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([7, 8])
    monkeypatch.setattr(memory, "kernel_kills", lambda: next(counts))
    job = job_for(caller, tmp_path, "kill-always")
    with transaction() as db:
        db.execute(text("UPDATE job SET max_attempts = 1 WHERE id = :id"), {"id": job.id})

    attempt(job)

    ended = make.read_job(caller, job.id)
    assert ended.error is not None
    assert ended.error["code"] == "killed_out_of_memory"


SUPERVISOR = """
import sys
from pathlib import Path
from workers.process import Child
child = Child(Path(sys.argv[1]), "tests.integration.workers.scripted_child")
for message in child.messages():
    pass
child.close()
"""


@pytest.mark.parametrize("victim", ["supervisor", "keeper"])
def test_who_watches_may_be_killed_and_nothing_stays(tmp_path: Path, victim: str) -> None:
    """A child that ignores SIGTERM, and what it has started, end with whoever watches them."""
    described = {"kind": "ingest", "attempt": 1, "dataset": {"filename": "stubborn"}}
    (tmp_path / "job.json").write_text(json.dumps(described))
    supervisor_process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)])
    until(lambda: "about to hang" in log_excerpt(tmp_path))
    watched = {*naming(str(tmp_path))} - {supervisor_process.pid}
    keeper = next(pid for pid in watched if len(alive_in_group(pid)) > 1)
    assert len(alive_in_group(keeper)) == 3  # itself, the child, the grandchild

    os.kill(supervisor_process.pid if victim == "supervisor" else keeper, signal.SIGKILL)

    until(lambda: not alive_in_group(keeper))
    supervisor_process.wait(20)
