"""Wake-up calls and tidying: a lost call, a lost worker and a long wait all come to an end."""

from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import text

from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import JobStatus
from app.services import datasets
from app.services import jobs as job_service
from app.settings import settings
from tests.integration import jobs as make
from workers import dispatcher, reaper
from workers.celery_app import celery

send = dispatcher._send


@pytest.fixture(autouse=True)
def nothing_else_waits(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the calls; the broker itself is in the end-to-end tests."""
    sent: list[str] = []
    monkeypatch.setattr(dispatcher, "_send", lambda job_id, _queue: sent.append(job_id))
    monkeypatch.setattr(dispatcher, "_unheard", lambda _queue: 0)
    monkeypatch.setattr(settings, "heartbeat_seconds", 0.1)  # the database may have just started
    with transaction() as db:
        db.execute(text("UPDATE job SET hinted_at = now() WHERE status = 'queued'"))
        db.execute(text("DELETE FROM outbox"))
    return sent


def test_a_new_job_is_called_once(
    caller: Caller, tmp_path: Path, nothing_else_waits: list[str]
) -> None:
    job_id = make.upload(caller, tmp_path).job_id

    dispatcher.dispatch()
    dispatcher.dispatch()

    assert nothing_else_waits == [job_id]


def test_a_call_that_was_lost_is_made_again(
    caller: Caller, tmp_path: Path, nothing_else_waits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = make.upload(caller, tmp_path).job_id
    dispatcher.dispatch()
    nothing_else_waits.clear()

    monkeypatch.setattr(settings, "hint_again_seconds", -1.0)
    dispatcher.dispatch()

    assert job_id in nothing_else_waits


def test_a_job_that_had_to_wait_is_called_when_its_time_has_come(
    caller: Caller, tmp_path: Path, nothing_else_waits: list[str]
) -> None:
    job_id = make.upload(caller, tmp_path).job_id
    dispatcher.dispatch()
    nothing_else_waits.clear()
    due = text("UPDATE job SET run_after = clock_timestamp() WHERE id = :id")
    with transaction() as db:
        db.execute(due, {"id": job_id})

    dispatcher.dispatch()
    dispatcher.dispatch()

    assert nothing_else_waits == [job_id]


def test_bells_that_nobody_hears_do_not_pile_up(
    caller: Caller, tmp_path: Path, nothing_else_waits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make.upload(caller, tmp_path)
    monkeypatch.setattr(dispatcher, "BELLS", 2)

    dispatcher.dispatch()

    assert len(nothing_else_waits) == 2


def test_a_broker_that_is_away_gets_its_bells_once_it_is_back(
    caller: Caller, tmp_path: Path, nothing_else_waits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = make.upload(caller, tmp_path).job_id
    unreachable = Celery(broker="redis://127.0.0.1:1/0")
    unreachable.conf.broker_transport_options = celery.conf.broker_transport_options
    with monkeypatch.context() as away:
        away.setattr(dispatcher, "_send", send)
        away.setattr(dispatcher, "celery", unreachable)
        dispatcher.dispatch()
    assert nothing_else_waits == []

    dispatcher.dispatch()

    assert nothing_else_waits == [job_id]


def test_a_job_of_a_lost_worker_comes_back(caller: Caller, tmp_path: Path) -> None:
    job_id = make.upload(caller, tmp_path).job_id
    make.claim(job_id, lease_seconds=-1)

    reaper.tidy()

    assert make.read_job(caller, job_id).status is JobStatus.QUEUED


def test_a_cancelled_job_of_a_lost_worker_ends(caller: Caller, tmp_path: Path) -> None:
    job_id = make.upload(caller, tmp_path).job_id
    make.claim(job_id, lease_seconds=-1)
    with transaction() as db:
        job_service.cancel(db, caller, job_id)

    reaper.tidy()

    assert make.read_job(caller, job_id).status is JobStatus.CANCELLED


def test_a_job_that_waited_too_long_expires_with_its_dataset(
    caller: Caller, tmp_path: Path
) -> None:
    version = make.upload(caller, tmp_path)
    with transaction() as db:
        past = text("UPDATE job SET expires_at = now() - interval '1 second' WHERE id = :id")
        db.execute(past, {"id": version.job_id})

    reaper.tidy()

    assert make.read_job(caller, version.job_id).status is JobStatus.EXPIRED
    with transaction() as db:
        settled = datasets.get(db, caller, version.id)
    assert (settled.status, settled.problems[0]["code"]) == ("invalid", "queue_timeout")
