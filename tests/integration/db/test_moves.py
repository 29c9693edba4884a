"""The status function: every edge, every guard, the history, and the database's own lock."""

import itertools
import random
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
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


def test_the_database_knows_the_same_edges_as_the_code(job: Job) -> None:
    with transaction() as db:
        edges = db.execute(text("SELECT source, target FROM job_edge")).all()

    assert {(row[0], row[1]) for row in edges} == {
        (a, b) for a, targets in MOVES.items() for b in targets
    }


@pytest.mark.parametrize(("start", "target"), list(itertools.product(JobStatus, JobStatus)))
def test_only_the_listed_edges_can_be_walked(job: Job, start: JobStatus, target: JobStatus) -> None:
    force(job.id, start)

    with transaction() as db:
        moved = moves.move(db, job.id, target)

    assert (moved is not None) == (target in MOVES[start])


def change_by_hand(db: Connection, job: Job, change: str) -> None:
    db.execute(text(f"UPDATE job SET {change} WHERE id = :id"), {"id": job.id})  # noqa: S608


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("status = 'succeeded', seq = seq + 1", "may not move from queued to succeeded"),
        ("status = 'starting'", "may not count its events from 1 to 1"),
        ("seq = seq + 2", "may not count its events from 1 to 3"),
        ("seq = seq - 1", "may not count its events from 1 to 0"),
    ],
)
def test_the_database_refuses_what_the_code_would_never_do(
    job: Job, change: str, message: str
) -> None:
    with pytest.raises(IntegrityError, match=message), engine().begin() as db:
        change_by_hand(db, job, change)


@pytest.mark.parametrize("change", ["status = 'queued', seq = seq + 1", "result = '{}'"])
@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_not_even_a_hand_written_update_changes_what_has_ended(
    job: Job, status: JobStatus, change: str
) -> None:
    force(job.id, status)

    with pytest.raises(IntegrityError, match="may not"), engine().begin() as db:
        change_by_hand(db, job, change)


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
            moves.keep_log(db, job.id, lost.fencing_token, "last words")
            attempts.reap(db, lost)

    ended = make.read_job(caller, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert (ended.error["code"], ended.error["owner"]) == ("worker_lost", "service")
    assert ended.error["log_excerpt"] == "last words"
    assert make.exits_of(job.id) == ["lease ran out"] * (settings.max_crashes + 1)


def test_a_lack_of_capacity_costs_no_tries_and_waits_longer_every_time(
    caller: Caller, job: Job
) -> None:
    asleep = text("SELECT run_after - clock_timestamp() FROM job WHERE id = :id")
    awake = text("UPDATE job SET run_after = NULL WHERE id = :id")
    waits = []
    for _ in range(job.max_attempts + 10):
        held = make.claim(job.id)
        with transaction() as db:
            attempts.retry_or_fail(db, held, {"code": "store_unavailable"}, "wait")
            waits.append(db.execute(asleep, {"id": job.id}).scalar_one().total_seconds())
            db.execute(awake, {"id": job.id})

    again = make.read_job(caller, job.id)
    assert (again.status, again.attempt, again.crashes) == (JobStatus.QUEUED, 0, 0)
    assert again.capacity_failures == len(waits)
    assert all(wait <= min(2**n, 300) for n, wait in enumerate(waits))
    assert max(waits[8:]) > 4
    held = make.claim(job.id)
    with transaction() as db:
        output = {"files": {}, "headline": {}, "seconds": 0.0}
        moves.complete_phase(db, job.id, held.fencing_token, "ingest", output)
    assert make.read_job(caller, job.id).capacity_failures == 0


def test_a_phase_whose_commit_is_repeated_ends_once(caller: Caller, job: Job) -> None:
    held = make.claim(job.id)
    output = {"files": {}, "headline": {}, "seconds": 0.0}

    for _ in range(2):
        with transaction() as db:
            assert moves.complete_phase(db, job.id, held.fencing_token, "ingest", output)

    assert make.events_of(caller, job.id).count("job.phase_completed") == 1


def test_time_with_a_worker_does_not_count_as_waiting(caller: Caller, job: Job) -> None:
    held = make.claim(job.id)
    with transaction() as db:
        ago = text("UPDATE attempt SET started_at = now() - interval '2 h' WHERE job_id = :id")
        db.execute(ago, {"id": job.id})
        attempts.retry_or_fail(db, held, {"code": "drained"}, "nothing")

    again = make.read_job(caller, job.id)
    assert again.expires_at is not None
    assert job.expires_at is not None
    assert 7200 <= (again.expires_at - job.expires_at).total_seconds() < 7260


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
