"""The status function: every edge, every guard, the history, and the database's own lock."""

import importlib
import itertools
import random
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.db.queries import events, moves
from app.db.session import engine, transaction
from app.domain.callers import Caller
from app.domain.jobs import LEASED, MOVES, TERMINAL, Job, JobStatus
from app.services import attempts
from app.settings import settings
from tests.integration import jobs as make


@pytest.fixture
def job(caller: Caller, tmp_path: Path) -> Job:
    return make.read_job(caller, make.upload(caller, tmp_path).job_id)


def force(job_id: str, status: JobStatus) -> None:
    """Put a job into a state, past the trigger."""
    with engine().begin() as db:
        db.execute(text("SET LOCAL session_replication_role = replica"))
        db.execute(text("UPDATE job SET status = :s WHERE id = :id"), {"s": status, "id": job_id})


def test_the_trigger_knows_the_same_edges_as_the_code() -> None:
    migrated = importlib.import_module("migrations.versions.0001_initial").MOVES

    assert {status: set(targets) for status, targets in migrated.items()} == {
        str(status): {str(target) for target in targets}
        for status, targets in MOVES.items()
        if targets
    }


@pytest.mark.parametrize(("start", "target"), list(itertools.product(JobStatus, JobStatus)))
def test_only_the_listed_edges_can_be_walked(job: Job, start: JobStatus, target: JobStatus) -> None:
    force(job.id, start)

    with transaction() as db:
        moved = moves.move(db, job.id, target)

    assert (moved is not None) == (target in MOVES[start])


def test_not_even_a_hand_written_update_leaves_a_final_state(job: Job) -> None:
    force(job.id, JobStatus.SUCCEEDED)

    with pytest.raises(IntegrityError, match="may not move"), engine().begin() as db:
        db.execute(text("UPDATE job SET status = 'queued' WHERE id = :id"), {"id": job.id})


def test_a_job_is_claimed_once(job: Job) -> None:
    with transaction() as db:
        first = moves.claim(db, job.id, "one", 30)
    with transaction() as db:
        second = moves.claim(db, job.id, "two", 30)

    assert first is not None
    assert (first.attempt, first.fencing_token, first.worker) == (1, 1, "one")
    assert second is None


def test_a_worker_that_lost_its_lease_changes_nothing(caller: Caller, job: Job) -> None:
    stale = make.claim(job.id)
    with transaction() as db:
        moves.requeue(db, job.id, reason="test", cost="crash")
    fresh = make.claim(job.id)
    before = make.events_of(caller, job.id)

    with transaction() as db:
        assert moves.beat(db, job.id, stale.fencing_token, 30, None) is None
        assert not moves.record(db, job.id, stale.fencing_token, "job.warning", {})
        assert not attempts.succeed(db, stale, {})
        assert not attempts.fail(db, stale, {"code": "x", "owner": "service"})
        assert not attempts.cancelled(db, stale)
        output = {"files": {}, "headline": {}, "seconds": 0.0}
        assert not moves.complete_phase(db, job.id, stale.fencing_token, "ingest", output)

    assert make.events_of(caller, job.id) == before
    assert make.read_job(caller, job.id).fencing_token == fresh.fencing_token


def test_a_requeued_job_shuts_the_old_token_out_before_the_next_claim(job: Job) -> None:
    stale = make.claim(job.id)
    with transaction() as db:
        moves.requeue(db, job.id, reason="test", cost="crash")

    with transaction() as db:
        assert moves.beat(db, job.id, stale.fencing_token, 30, None) is None


def test_an_expired_lease_brings_the_job_back(caller: Caller, job: Job) -> None:
    lost = make.claim(job.id, lease_seconds=-1)

    with transaction() as db:
        assert attempts.reap(db, lost)

    again = make.read_job(caller, job.id)
    assert (again.status, again.crashes) == (JobStatus.QUEUED, 1)


def test_a_beat_that_came_in_time_wins_over_the_reaper(job: Job) -> None:
    lost = make.claim(job.id, lease_seconds=-1)
    with transaction() as db:
        moves.beat(db, job.id, lost.fencing_token, 30, None)

    with transaction() as db:
        assert not attempts.reap(db, lost)


def test_a_poison_job_is_stopped(caller: Caller, job: Job) -> None:
    for _ in range(settings.max_crashes + 1):
        lost = make.claim(job.id, lease_seconds=-1)
        with transaction() as db:
            attempts.reap(db, lost)

    ended = make.read_job(caller, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert (ended.error["code"], ended.error["owner"]) == ("worker_lost", "service")


def test_a_drained_worker_costs_its_job_nothing(caller: Caller, job: Job) -> None:
    for _ in range(job.max_attempts + 2):
        held = make.claim(job.id)
        with transaction() as db:
            attempts.retry_or_fail(db, held, {"code": "drained"}, "nothing")

    again = make.read_job(caller, job.id)
    assert (again.status, again.attempt, again.crashes) == (JobStatus.QUEUED, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_random_walks_keep_the_history_without_gaps(caller: Caller, job: Job, seed: int) -> None:
    """Workers, reaper and cancel in any order: legal moves only, seq 1..n, final states stay."""
    rng = random.Random(seed)
    previous = JobStatus.QUEUED
    for _ in range(25):
        with transaction() as db:
            moved = moves.move(db, job.id, rng.choice(list(JobStatus)))
        if moved is not None:
            assert moved.status in MOVES[previous]
            previous = moved.status

    with transaction() as db:
        history = events.after(db, job.id, 0, 1000)
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    assert make.read_job(caller, job.id).seq == len(history)


def test_leased_and_terminal_states_are_told_apart() -> None:
    assert set(JobStatus) == LEASED | TERMINAL | {JobStatus.QUEUED}
