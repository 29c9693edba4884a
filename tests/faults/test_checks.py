"""Each check of the fault harness, shown to fail on the one thing that it is there for."""

import copy
import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks import faults_checks as checks
from benchmarks import faults_scripts as scripts
from benchmarks.faults_orders import Answer, Order

JOB, TOKEN, SEED = "job_1", 1, 7
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PHASES = scripts.PHASES["train"]
HISTORY = [
    "job.queued",
    "job.starting",
    "job.running",
    *(f"job.phase_completed {phase}" for phase in PHASES),
    "job.finalizing",
    "job.succeeded",
]

LOST = {"fencing_token": 2, "outcome": "retried", "ended_at": BEGAN}

Spoil = Callable[[Any], object]


@pytest.fixture
def sound(tmp_path: Path) -> checks.Snapshot:
    """A training that succeeded, with everything that belongs to it."""
    outputs = [output(tmp_path, phase) for phase in PHASES]
    model = {"id": "mv_1", "files": {"package": outputs[-1]["files"]["public/model.mmpkg"]}}
    order = Order("order-1", "train", SEED)
    return checks.Snapshot(
        jobs=[job()],
        events=of_job([event(number, entry) for number, entry in enumerate(HISTORY, 1)]),
        attempts=of_job([{"fencing_token": TOKEN, "outcome": "succeeded", "ended_at": BEGAN}]),
        outputs=of_job(outputs),
        datasets=[],
        models={JOB: model},
        keys={"order-1": JOB},
        store=tmp_path,
        answers=[Answer(order, JOB)],
    )


def of_job(rows: list[dict[str, Any]]) -> defaultdict[str, list[dict[str, Any]]]:
    return defaultdict(list, {JOB: rows})


def job() -> dict[str, Any]:
    return {
        "id": JOB,
        "name": "order-1",
        "kind": "train",
        "status": "succeeded",
        "seed": SEED,
        "seq": len(HISTORY),
        "fencing_token": TOKEN,
        "attempt": 1,
        "max_attempts": 20,
        "crashes": 0,
        "spec": {"labels": {"script": "steady"}},
    }


def event(number: int, entry: str) -> dict[str, Any]:
    kind, _, phase = entry.partition(" ")
    at = BEGAN + timedelta(seconds=number)
    return {"seq": number, "type": kind, "data": {"phase": phase}, "created_at": at}


def output(store: Path, phase: str) -> dict[str, Any]:
    data = scripts.content(f"train-{SEED}", "train", phase)
    key = f"jobs/{JOB}/{phase}"
    path = store / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    file = {"key": key, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"phase": phase, "files": {scripts.file_of(phase): file}}


def test_a_sound_world_has_no_violations(sound: checks.Snapshot) -> None:
    assert checks.violations(sound) == []


SPOILED: dict[str, tuple[str, Spoil]] = {
    "a lost job": ("P1", lambda s: s.jobs.clear()),
    "a doubled job": ("P1", lambda s: s.jobs.append({**s.jobs[0], "id": "job_2"})),
    "another job's id": ("P1", lambda s: s.keys.update({"order-1": "job_9"})),
    "a job that never ends": ("P2", lambda s: s.jobs[0].update(status="running")),
    "a second success": ("P3", lambda s: grow(s, "job.succeeded")),
    "a write after the end": ("P3", lambda s: grow(s, "job.phase_started")),
    "a success of an attempt that lost": (
        "P3",
        lambda s: s.attempts[JOB][0].update(outcome="retried"),
    ),
    "a model of a job that failed": (
        "P3",
        lambda s: s.models.update(job_9={"id": "", "files": {}}),
    ),
    "a forbidden edge": ("P4", lambda s: s.events[JOB][1].update(type="job.finalizing")),
    "a gap": ("P5", lambda s: s.events[JOB].pop(3)),
    "time that falls": ("P5", lambda s: s.events[JOB][4].update(created_at=BEGAN)),
    "a missing file": ("P6", lambda s: (s.store / f"jobs/{JOB}/teacher").unlink()),
    "a damaged file": ("P6", lambda s: (s.store / f"jobs/{JOB}/teacher").write_bytes(b"?")),
    "a success without its package": ("P6", lambda s: s.models.clear()),
    "a file of another job": ("P6", lambda s: s.jobs[0].update(seed=SEED + 1)),
    "a phase done twice": ("P7", lambda s: s.events[JOB][4].update(s.events[JOB][3] | {"seq": 5})),
    "an attempt nobody started": ("P7", lambda s: s.attempts[JOB].append(LOST)),
    "tries without end": ("P8", lambda s: s.jobs[0].update(attempt=21)),
}


def grow(snapshot: Any, kind: str) -> None:  # noqa: ANN401  (rows that may be changed)
    """One more event at the end."""
    number = len(snapshot.events[JOB]) + 1
    snapshot.events[JOB].append(event(number, kind))
    snapshot.jobs[0]["seq"] = number


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_found(sound: checks.Snapshot, name: str) -> None:
    expected, spoil = SPOILED[name]
    rows = {key: copy.deepcopy(getattr(sound, key)) for key in ("jobs", "events", "attempts")}
    spoiled = replace(sound, **rows)

    spoil(spoiled)

    assert expected in {violation.split()[0] for violation in checks.violations(spoiled)}


def test_a_blob_that_no_row_names_is_an_orphan(sound: checks.Snapshot) -> None:
    (sound.store / "jobs" / "stray").write_bytes(b"?")

    assert checks.orphans(sound) == {"jobs/stray"}
