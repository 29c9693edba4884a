"""Whose turn it is: priority, fair share, quota, and jobs that nobody may take yet."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.db.queries import claims, jobs, keys, moves, workers
from app.db.session import transaction
from app.domain.ids import new_id
from app.domain.jobs import Job, JobStatus
from app.embedded.servers import Endpoints
from app.services import attempts, places
from app.settings import settings
from tests.integration import jobs as make

KNOWN = {"analyze": 1}


@pytest.fixture
def queue(service: Endpoints) -> str:
    """A queue of its own: jobs of other tests do not wait in it."""
    return new_id("queue")


@pytest.fixture
def project(service: Endpoints) -> Callable[[], str]:
    def made() -> str:
        with transaction() as db:
            return keys.ensure_project(db, new_id("test"))

    return made


def queued(queue: str, project: str, **changes: object) -> Job:
    with transaction() as db:
        return jobs.create(db, make.job_values(project, queue=queue, **changes))


def claim(queue: str, quota: int = 100, known: dict[str, int] = KNOWN) -> Job | None:
    with transaction() as db:
        return claims.claim_next(db, queue, "test", 30, known=known, quota=quota)


def end(job: Job) -> None:
    with transaction() as db:
        assert attempts.fail(db, job, {"code": "internal", "owner": "service"})


def place(job: Job) -> places.Place:
    with transaction() as db:
        found = jobs.get(db, job.project_id, job.id)
        assert found is not None
        return places.of(db, found)


def test_priority_first_then_age(queue: str, project: Callable[[], str]) -> None:
    only = project()
    old, new, urgent = (queued(queue, only, priority=p) for p in (0, 0, 1))

    taken = [claim(queue) for _ in range(4)]

    assert [job and job.id for job in taken] == [urgent.id, old.id, new.id, None]


def test_many_jobs_of_one_project_delay_anothers_first_job_by_one(
    queue: str, project: Callable[[], str]
) -> None:
    """One worker, which takes the next job when one has ended."""
    greedy, modest = project(), project()
    for _ in range(20):
        queued(queue, greedy)
    for _ in range(3):
        first = claim(queue)
        assert first is not None
        end(first)
    mine = queued(queue, modest)

    taken = claim(queue)

    assert taken is not None
    assert taken.id == mine.id


def test_projects_take_turns(queue: str, project: Callable[[], str]) -> None:
    mine = [project() for _ in range(3)]
    for owner in mine:
        for _ in range(4):
            queued(queue, owner)

    served = []
    for _ in range(12):
        taken = claim(queue)
        assert taken is not None
        served.append(taken.project_id)
        end(taken)

    assert served == mine * 4


def test_the_quota_holds_when_many_claim_at_once(queue: str, project: Callable[[], str]) -> None:
    owner = project()
    for _ in range(12):
        queued(queue, owner)

    with ThreadPoolExecutor(8) as pool:
        taken = [job for job in pool.map(lambda _: claim(queue, quota=3), range(12)) if job]

    assert len({job.id for job in taken}) == 3
    end(taken[0])
    assert claim(queue, quota=3) is not None
    assert claim(queue, quota=3) is None


def test_as_many_claims_at_once_as_jobs_find_one_each(
    queue: str, project: Callable[[], str]
) -> None:
    made = {queued(queue, project()).id for _ in range(10)}

    with ThreadPoolExecutor(10) as pool:
        taken = [job for job in pool.map(lambda _: claim(queue), range(20)) if job]

    assert sorted(job.id for job in taken) == sorted(made)


def test_versions_and_kinds_that_a_worker_does_not_know_stay_for_others(
    queue: str, project: Callable[[], str]
) -> None:
    owner = project()
    newer, other = queued(queue, owner, spec_version=2), queued(queue, owner, kind="predict")
    with transaction() as db:
        workers.seen(db, queue, queue, KNOWN)

    assert claim(queue) is None
    assert "version 2 of 'analyze' jobs" in str(place(newer).reason)
    assert "version 1 of 'predict' jobs" in str(place(other).reason)
    taken = claim(queue, known={"analyze": 2})
    assert taken is not None
    assert taken.id == newer.id


def test_paused_and_backing_off_jobs_are_passed_over(
    queue: str, project: Callable[[], str]
) -> None:
    owner = project()
    paused, waits, free = (queued(queue, owner) for _ in range(3))
    with transaction() as db:
        moves.pause(db, paused.id)
        later = text("UPDATE job SET run_after = now() + interval '1 h' WHERE id = :id")
        db.execute(later, {"id": waits.id})

    taken = claim(queue)

    assert taken is not None
    assert taken.id == free.id
    assert claim(queue) is None
    assert "/resume" in str(place(paused).reason)
    assert "the next is after" in str(place(waits).reason)


@pytest.mark.parametrize("seed", range(5))
def test_the_place_is_the_number_of_claims_that_come_first(
    queue: str, project: Callable[[], str], seed: int
) -> None:
    """Exact while nothing ends and nobody queues another."""
    rng = random.Random(seed)
    owners = [project() for _ in range(4)]
    made = [queued(queue, rng.choice(owners)) for _ in range(16)]
    running = [claim(queue) for _ in range(rng.randrange(6))]
    started = {job.id for job in running if job}
    expected = {job.id: place(job).ahead for job in made if job.id not in started}

    order = [job.id for job in iter(lambda: claim(queue), None)]

    assert expected == {job_id: n for n, job_id in enumerate(order)}


def test_reasons_say_what_is_missing(
    queue: str, project: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = project()
    first, second = queued(queue, owner), queued(queue, owner)
    assert place(second) == places.Place(f"no worker for device class {queue!r} is connected", 1)
    with transaction() as db:
        workers.seen(db, queue, queue, KNOWN)
    assert place(first) == places.Place("a worker will take it next", 0)
    assert place(second) == places.Place("1 job ahead", 1)

    monkeypatch.setattr(settings, "max_running_jobs", 1)
    claim(queue)

    assert "the project runs 1 job on" in str(place(second).reason)


def test_who_ends_rings_for_the_next(queue: str, project: Callable[[], str]) -> None:
    owner = project()
    first, second = queued(queue, owner), queued(queue, owner)
    calls = text("SELECT job_id FROM outbox WHERE queue = :queue ORDER BY id")
    taken = claim(queue)
    assert taken is not None
    assert taken.id == first.id

    end(taken)

    with transaction() as db:
        assert list(db.execute(calls, {"queue": queue}).scalars()) == [second.id]
    taken = claim(queue)
    assert taken is not None
    with transaction() as db:
        attempts.cancelled(db, taken)  # not asked for: nothing moves, nobody rings
        assert len(db.execute(calls, {"queue": queue}).all()) == 1
        attempts.retry_or_fail(db, taken, {"code": "drained"}, "nothing")
        assert len(db.execute(calls, {"queue": queue}).all()) == 2


def test_a_paused_job_does_not_expire_and_gets_its_time_back(
    queue: str, project: Callable[[], str]
) -> None:
    job = queued(queue, project())
    with transaction() as db:
        moves.pause(db, job.id)
        late = """
            UPDATE job SET queued_at = now() - interval '3 h', paused_at = now() - interval '2 h',
                           expires_at = now() - interval '1 h' WHERE id = :id
        """
        db.execute(text(late), {"id": job.id})

    with transaction() as db:
        assert job.id not in jobs.overdue(db)
        attempts.expire(db, job.id)
        resumed = moves.resume(db, job.id)
        assert job.id not in jobs.overdue(db)

    assert resumed is not None
    assert resumed.status is JobStatus.QUEUED
    assert resumed.expires_at is not None
    with transaction() as db:
        left = db.execute(text("SELECT :at - now()"), {"at": resumed.expires_at}).scalar_one()
    assert 3500 < left.total_seconds() < 3700
