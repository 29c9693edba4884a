"""Random lives of jobs, held step by step against a pure model of what the status function does.

The suite takes about 500 steps. For more, in examples of up to 50 steps each:

    ADAPTNET_STATEFUL_STEPS=2000 pytest tests/integration/db/test_moves_stateful.py
"""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import select, text

from app.db.queries import claims, events, jobs, keys, moves
from app.db.session import transaction
from app.db.tables import job as table
from app.domain.ids import new_id
from app.domain.jobs import MOVES, TERMINAL, Job, JobStatus
from app.embedded.servers import Endpoints
from app.services import attempts
from app.settings import settings as service_settings
from tests.integration import jobs as make

STEPS_AN_EXAMPLE = 50
"""At most: an example may end before."""
STEPS = int(os.environ.get("ADAPTNET_STATEFUL_STEPS", "500"))

QUOTA = 2
MAX_ATTEMPTS = 4
Q, ST, R, FI, CA = (
    JobStatus.QUEUED,
    JobStatus.STARTING,
    JobStatus.RUNNING,
    JobStatus.FINALIZING,
    JobStatus.CANCELLING,
)
HELD = (ST, R, FI, CA)

# The real wait may be over in no time, and the model has no clock.
HOUR_LATER = text(
    "UPDATE job SET run_after = now() + interval '1 h' WHERE id = :id AND status = 'queued'"
)


@dataclass
class Model:
    """What we expect of one job."""

    project: str
    priority: int
    age: int
    status: JobStatus = Q
    attempt: int = 0
    crashes: int = 0
    capacity_failures: int = 0
    fencing_token: int = 0
    paused: bool = False
    backing_off: bool = False
    events: list[str] = field(default_factory=lambda: ["job.queued"])

    def move(self, target: JobStatus) -> None:
        assert target in MOVES[self.status]
        self.status = target
        self.events.append(f"job.{target}")

    def requeue(self, cost: moves.Cost) -> None:
        self.move(Q)
        self.fencing_token += 1
        self.crashes += cost == "crash"
        self.attempt -= cost != "crash"
        self.capacity_failures += cost == "wait"
        self.backing_off = cost == "wait"

    @property
    def used_up(self) -> bool:
        return self.crashes + 1 > service_settings.max_crashes or self.attempt >= MAX_ATTEMPTS

    @property
    def shown(self) -> tuple[Any, ...]:
        return (
            *(self.status, self.attempt, self.crashes, self.capacity_failures),
            *(self.fencing_token, self.paused, len(self.events)),
        )


class Lives(RuleBasedStateMachine):
    """Callers, workers, the reaper and time itself, in any order."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.queue = new_id("queue")
        with transaction() as db:
            self.projects = [keys.ensure_project(db, new_id("test")) for _ in range(2)]
        self.models: dict[str, Model] = {}
        self.claimed: list[Job] = []  # every attempt there ever was: most of them are stale
        self.served: dict[str, int] = {}

    @rule(project=st.integers(0, 1), priority=st.sampled_from([0, 0, 1]))
    def create(self, project: int, priority: int) -> None:
        owner = self.projects[project]
        values = make.job_values(
            owner, queue=self.queue, priority=priority, max_attempts=MAX_ATTEMPTS
        )
        with transaction() as db:
            made = jobs.create(db, values)
        self.models[made.id] = Model(owner, priority, len(self.models))

    @rule()
    def claim(self) -> None:
        with transaction() as db:
            taken = claims.claim_next(
                db, self.queue, "test", 3600, known={"analyze": 1}, quota=QUOTA
            )
        expected = self._next()
        assert (taken and taken.id) == expected
        if taken is None or expected is None:
            return
        model = self.models[expected]
        model.move(ST)
        model.attempt += 1
        model.fencing_token += 1
        self.served[model.project] = len(self.claimed)
        self.claimed.append(taken)

    def _next(self) -> str | None:
        """The fair order, written down once more."""
        running = {p: self._running(p) for p in self.projects}
        free = [
            (-m.priority, running[m.project], self.served.get(m.project, -1), m.age, job_id)
            for job_id, m in self.models.items()
            if m.status is Q and not m.paused and not m.backing_off
            if running[m.project] < QUOTA
        ]
        return min(free)[-1] if free else None

    def _running(self, project: str) -> int:
        return sum(m.project == project and m.status in HELD for m in self.models.values())

    @precondition(lambda self: self.claimed)
    @rule(which=st.integers(0), to=st.sampled_from([R, FI]))
    def advance(self, which: int, to: JobStatus) -> None:
        attempt, model, owned = self._pick(which)
        with transaction() as db:
            moved = moves.move(db, attempt.id, to, moves.owns(attempt.fencing_token))
        allowed = owned and to in MOVES[model.status]
        assert (moved is not None) == allowed
        if allowed:
            model.move(to)

    @precondition(lambda self: self.claimed)
    @rule(which=st.integers(0), what=st.sampled_from(["beat", "record", "phase"]))
    def write(self, which: int, what: str) -> None:
        attempt, model, owned = self._pick(which)
        here = (attempt.id, attempt.fencing_token)
        with transaction() as db:
            if what == "beat":
                beat = moves.beat(db, *here, 3600, 0.5)
            elif what == "record":
                beat = moves.record(db, *here, "job.noted", {})
            else:
                output = {"files": {}, "headline": {}, "seconds": 0.0}
                beat = moves.complete_phase(db, *here, new_id("phase"), output)
        if not owned:
            assert beat is None
            return
        assert beat == moves.Beat(model.status is CA, model.paused)
        if what != "beat":
            model.events.append("job.noted" if what == "record" else "job.phase_completed")
        if what == "phase":
            model.capacity_failures = 0

    @precondition(lambda self: self.claimed)
    @rule(which=st.integers(0), how=st.sampled_from(["succeed", "fail", "cancelled"]))
    def end(self, which: int, how: str) -> None:
        attempt, model, owned = self._pick(which)
        target = {
            "succeed": JobStatus.SUCCEEDED,
            "fail": JobStatus.FAILED,
            "cancelled": JobStatus.CANCELLED,
        }[how]
        with transaction() as db:
            if how == "succeed":
                ended = attempts.succeed(db, attempt, {})
            elif how == "fail":
                ended = attempts.fail(db, attempt, {"code": "internal", "owner": "service"})
            else:
                ended = attempts.cancelled(db, attempt)
        allowed = owned and target in MOVES[model.status]
        assert ended == allowed
        if allowed:
            model.move(target)

    @precondition(lambda self: self.claimed)
    @rule(which=st.integers(0), cost=st.sampled_from(["crash", "wait", "nothing"]))
    def give_back(self, which: int, cost: moves.Cost) -> None:
        attempt, model, owned = self._pick(which)
        with transaction() as db:
            kept = attempts.retry_or_fail(db, attempt, {"code": "x", "owner": "service"}, cost)
            if kept and cost == "wait":
                db.execute(HOUR_LATER, {"id": attempt.id})
        assert kept == owned
        if owned:
            self._given_back(model, cost)

    def _given_back(self, model: Model, cost: moves.Cost) -> None:
        if cost == "crash" and model.used_up:
            model.move(JobStatus.FAILED)
        elif model.status is CA:
            model.move(JobStatus.CANCELLED)
        else:
            model.requeue(cost)

    @precondition(lambda self: self.claimed)
    @rule(which=st.integers(0))
    def lose(self, which: int) -> None:
        """The lease runs out and the reaper comes by."""
        attempt, model, owned = self._pick(which)
        if not owned:
            return
        past = text("UPDATE job SET lease_until = now() - interval '1 s' WHERE id = :id")
        with transaction() as db:
            db.execute(past, {"id": attempt.id})
            found = jobs.get(db, model.project, attempt.id)
            assert found is not None
            assert attempts.reap(db, found)
        if model.status is CA:
            model.move(JobStatus.CANCELLED)
        else:
            self._given_back(model, "crash")

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0))
    def cancel(self, which: int) -> None:
        job_id, model = self._any(which)
        target = JobStatus.CANCELLED if model.status is Q else CA
        with transaction() as db:
            moved = moves.move(db, job_id, target, cancel_requested_at=moves.NOW)
        allowed = target in MOVES[model.status]
        assert (moved is not None) == allowed
        if allowed:
            model.move(target)

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0), pause=st.booleans())
    def hold(self, which: int, pause: bool) -> None:
        job_id, model = self._any(which)
        with transaction() as db:
            noted = moves.pause(db, job_id) if pause else moves.resume(db, job_id)
        open_to = model.status not in TERMINAL and not (pause and model.status is CA)
        allowed = open_to and model.paused is not pause
        assert (noted is not None) == allowed
        if allowed:
            model.paused = pause
            model.events.append("job.paused" if pause else "job.resumed")

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0))
    def wait(self, which: int) -> None:
        """Time passes for a job that backs off."""
        job_id, model = self._any(which)
        if model.status is Q:
            with transaction() as db:
                now = text("UPDATE job SET run_after = now() WHERE id = :id")
                db.execute(now, {"id": job_id})
            model.backing_off = False

    @precondition(lambda self: self.models)
    @rule(which=st.integers(0), overdue=st.booleans())
    def expire(self, which: int, overdue: bool) -> None:
        job_id, model = self._any(which)
        if model.status in TERMINAL:
            return
        hour = -1 if overdue else 1
        with transaction() as db:
            expires = text("UPDATE job SET expires_at = now() + :h * interval '1 h' WHERE id = :id")
            db.execute(expires, {"id": job_id, "h": hour})
            attempts.expire(db, job_id)
        if overdue and model.status is Q and not model.paused:
            model.move(JobStatus.EXPIRED)

    @invariant()
    def rows_are_as_expected(self) -> None:
        type(self).steps += 1
        shown = (
            *(table.c.status, table.c.attempt, table.c.crashes, table.c.capacity_failures),
            *(table.c.fencing_token, table.c.paused_at.is_not(None), table.c.seq),
        )
        with transaction() as db:
            rows = db.execute(select(table.c.id, *shown).where(table.c.queue == self.queue))
            found = {row[0]: tuple(row[1:]) for row in rows}
        assert found == {job_id: model.shown for job_id, model in self.models.items()}

    @invariant()
    def nobody_has_more_than_the_quota(self) -> None:
        assert all(self._running(project) <= QUOTA for project in self.projects)

    def teardown(self) -> None:
        """The history has every step once, in order, and no number is missing."""
        with transaction() as db:
            for job_id, model in self.models.items():
                history = events.after(db, job_id, 0, 1000)
                assert [event.type for event in history] == model.events
                assert [event.seq for event in history] == list(range(1, len(history) + 1))
            tidy = text("UPDATE job SET expires_at = NULL WHERE queue = :q AND status = 'queued'")
            db.execute(tidy, {"q": self.queue})  # or the reaper of another test has it all

    def _pick(self, which: int) -> tuple[Job, Model, bool]:
        """An attempt, its job's model, and whether it still owns the job."""
        attempt = self.claimed[-1 - which % len(self.claimed)]
        model = self.models[attempt.id]
        owned = model.status in HELD and model.fencing_token == attempt.fencing_token
        return attempt, model, owned

    def _any(self, which: int) -> tuple[str, Model]:
        job_id = list(self.models)[which % len(self.models)]
        return job_id, self.models[job_id]


@pytest.mark.slow
def test_lives_are_what_the_model_says(service: Endpoints) -> None:
    run_machine(
        Lives,
        settings=settings(
            max_examples=STEPS // (STEPS_AN_EXAMPLE - 5),
            stateful_step_count=STEPS_AN_EXAMPLE,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Lives.steps > STEPS / 2
