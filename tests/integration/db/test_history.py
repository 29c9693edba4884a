"""A job's history is in the order of its writes, also where transactions overlap."""

from pathlib import Path

from sqlalchemy import text

from app.db.queries import events, moves
from app.db.session import transaction
from app.domain.callers import Caller
from tests.integration import jobs as make


def test_time_never_runs_backwards_along_the_numbers(caller: Caller, tmp_path: Path) -> None:
    job = make.claim(make.upload(caller, tmp_path).job_id)

    with transaction() as slow:
        slow.execute(text("SELECT 1"))  # it has begun, and has not come to its write yet
        with transaction() as quick:
            moves.record(quick, job.id, job.fencing_token, "job.first", {})
        moves.record(slow, job.id, job.fencing_token, "job.second", {})

    with transaction() as db:
        first, second = events.after(db, job.id, 2, 10)
    assert (first.type, second.type) == ("job.first", "job.second")
    assert first.created_at <= second.created_at
