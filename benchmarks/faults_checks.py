"""What must hold once all is quiet: properties P1 to P9, read off the rows and the store.

``take`` reads everything, ``violations`` judges it without any server. Each violation is a
sentence that begins with its property.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from app.domain.jobs import MOVES, TERMINAL, JobStatus
from app.science.export import runtime
from benchmarks import faults_scripts as scripts
from benchmarks.faults_orders import Answer
from benchmarks.faults_world import MAX_CRASHES, World

Row = Mapping[str, Any]

STATUSES = {f"job.{status}": status for status in JobStatus}


@dataclass(frozen=True)
class Snapshot:
    """All rows that say what happened, and the store's folder."""

    jobs: Sequence[Row]
    events: Mapping[str, Sequence[Row]]
    attempts: Mapping[str, Sequence[Row]]
    outputs: Mapping[str, Sequence[Row]]
    datasets: Sequence[Row]
    models: Mapping[str, Row]
    keys: Mapping[str, str]
    store: Path
    answers: Sequence[Answer]

    def files(self) -> Iterator[tuple[str, Row]]:
        """Who names a file, and its key, size and SHA-256."""
        for job_id, outputs in self.outputs.items():
            for output in outputs:
                yield from ((f"{job_id}/{output['phase']}", f) for f in output["files"].values())
        for model in self.models.values():
            yield from ((model["id"], file) for file in model["files"].values())
        for version in self.datasets:
            raw = {"key": version["raw_key"], "size": version["size_bytes"]}
            yield version["id"], {**raw, "sha256": version["sha256"]}
            yield from ((version["id"], file) for file in version["files"].values())

    def blobs(self) -> set[str]:
        """Keys of everything in the store; files whose write was never finished are none."""
        return {key for key in self._paths() if "#" not in key}

    def unfinished(self) -> set[str]:
        """Files that a killed process was writing."""
        return {key for key in self._paths() if "#" in key}

    def _paths(self) -> Iterator[str]:
        paths = (path for path in self.store.rglob("*") if path.is_file())
        return (path.relative_to(self.store).as_posix() for path in paths)


def take(world: World, answers: Sequence[Answer]) -> Snapshot:
    """Read the world as it stands."""
    return Snapshot(
        jobs=world.sql("SELECT * FROM job ORDER BY id"),
        events=_by_job(world.sql("SELECT * FROM event ORDER BY job_id, seq")),
        attempts=_by_job(world.sql("SELECT * FROM attempt ORDER BY job_id, fencing_token")),
        outputs=_by_job(world.sql("SELECT * FROM phase_output ORDER BY job_id, finished_at")),
        datasets=world.sql("SELECT * FROM dataset_version ORDER BY id"),
        models={row["job_id"]: row for row in world.sql("SELECT * FROM model_version")},
        keys={r["key"]: r["resource_id"] for r in world.sql("SELECT * FROM idempotency_key")},
        store=world.home.store,
        answers=answers,
    )


def _by_job(rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["job_id"]].append(row)
    return found


def violations(snapshot: Snapshot) -> list[str]:
    """Every property that does not hold, in words."""
    return [f"{name} {found}" for name, check in CHECKS for found in check(snapshot)]


def one_row_each(snapshot: Snapshot) -> Iterator[str]:
    """Every accepted order has exactly one row, under the id that the client was told."""
    jobs = Counter(job["name"] for job in snapshot.jobs if job["name"])
    uploads = Counter(version["name"] for version in snapshot.datasets)
    ids = {row["id"] for row in (*snapshot.jobs, *snapshot.datasets)}
    for answer in snapshot.answers:
        key = answer.order.key
        count = (uploads if answer.order.kind == "ingest" else jobs)[key]
        if count != 1:
            yield f"{key} was accepted and has {count} rows"
        elif answer.id not in ids or snapshot.keys.get(key) != answer.id:
            yield f"{key} was answered with {answer.id}, which is another row"


def ended(snapshot: Snapshot) -> Iterator[str]:
    """Every job is in a final state."""
    for job in snapshot.jobs:
        if job["status"] not in TERMINAL:
            yield f"{job['id']} is stuck in {job['status']}"


def ended_once(snapshot: Snapshot) -> Iterator[str]:
    """At most one success, by the attempt that holds the job; nothing after the end."""
    for job in snapshot.jobs:
        kinds = [event["type"] for event in snapshot.events[job["id"]]]
        successes = kinds.count("job.succeeded")
        if successes > 1:
            yield f"{job['id']} completed twice: {successes} times succeeded"
        ends = [i for i, kind in enumerate(kinds) if STATUSES.get(kind) in TERMINAL]
        if ends and ends[0] != len(kinds) - 1:
            yield f"{job['id']} ended as {kinds[ends[0]]}, then came {kinds[ends[0] + 1 :]}"
        winners = [a["fencing_token"] for a in _attempts(snapshot, job, "succeeded")]
        expected = [job["fencing_token"]] if job["status"] == JobStatus.SUCCEEDED else []
        if winners != expected:
            yield f"{job['id']} {job['status']} with token {expected}, attempts say {winners}"


def allowed_edges(snapshot: Snapshot) -> Iterator[str]:
    """The history goes along edges of the state graph and ends where the job stands."""
    for job in snapshot.jobs:
        history = [STATUSES[e["type"]] for e in snapshot.events[job["id"]] if e["type"] in STATUSES]
        for before, after in pairwise(history):
            if after not in MOVES[before]:
                yield f"{job['id']} went from {before} to {after}"
        if history[:1] != [JobStatus.QUEUED] or history[-1] != job["status"]:
            yield f"{job['id']} is {job['status']}, its history is {[str(s) for s in history]}"


def whole_history(snapshot: Snapshot) -> Iterator[str]:
    """``seq`` counts from 1 without gaps up to the job's own, and time never runs backwards."""
    for job in snapshot.jobs:
        events = snapshot.events[job["id"]]
        if [event["seq"] for event in events] != list(range(1, job["seq"] + 1)):
            yield f"{job['id']} has gaps: {[event['seq'] for event in events]} of {job['seq']}"
        for before, after in pairwise(events):
            if after["created_at"] < before["created_at"]:
                lag = (before["created_at"] - after["created_at"]).total_seconds()
                yield f"{job['id']} event {after['seq']} is {lag:.3f} s before the one before"


def stored_files(snapshot: Snapshot) -> Iterator[str]:
    """Every file that a row names is there, with its size and SHA-256."""
    for owner, file in snapshot.files():
        path = snapshot.store / file["key"]
        if not path.is_file():
            yield f"{owner} names {file['key']}, which is missing"
            continue
        data = path.read_bytes()
        if len(data) != file["size"] or hashlib.sha256(data).hexdigest() != file["sha256"]:
            yield f"{owner}: {file['key']} is not what was written"


def right_results(snapshot: Snapshot) -> Iterator[str]:
    """A success has its files, as if nothing had happened; a training has one sound package."""
    versions = {version["job_id"]: version for version in snapshot.datasets}
    for job in snapshot.jobs:
        if job["status"] != JobStatus.SUCCEEDED:
            continue
        if job["kind"] == "ingest" and versions[job["id"]]["status"] != "ready":
            yield f"{job['id']} succeeded, its dataset is {versions[job['id']]['status']}"
        filename = versions[job["id"]]["filename"] if job["kind"] == "ingest" else ""
        if job["kind"] == "ingest" and not filename.startswith(scripts.PREFIX):
            continue
        if job["kind"] != "ingest" and "script" not in job["spec"]["labels"]:
            yield from _real_training(snapshot, job)
            continue
        yield from _scripted(snapshot, job, filename)


def _real_training(snapshot: Snapshot, job: Row) -> Iterator[str]:
    model = snapshot.models.get(job["id"])
    if model is None:
        yield f"{job['id']} succeeded without a model"
        return
    report = runtime.verify(snapshot.store / model["files"]["package"]["key"])
    if not report.passed:
        yield f"{job['id']} has a package that does not verify: {report.checks}"


def _scripted(snapshot: Snapshot, job: Row, filename: str) -> Iterator[str]:
    salt = scripts.salt_of(job["kind"], job["seed"], filename)
    outputs = {output["phase"]: output for output in snapshot.outputs[job["id"]]}
    for phase in scripts.PHASES[job["kind"]]:
        file = outputs.get(phase, {"files": {}})["files"].get(scripts.file_of(phase))
        expected = scripts.content(salt, job["kind"], phase)
        if file is None or file["sha256"] != hashlib.sha256(expected).hexdigest():
            yield f"{job['id']} succeeded with a wrong file of phase {phase}: {file}"
    if job["kind"] == "train":
        model = snapshot.models.get(job["id"])
        package = outputs.get("package", {"files": {}})["files"].get(scripts.file_of("package"))
        if model is None or package is None or model["files"]["package"]["key"] != package["key"]:
            yield f"{job['id']} succeeded, its model is {model}"


def no_stray_models(snapshot: Snapshot) -> Iterator[str]:
    """Only a training that succeeded has a model."""
    succeeded = {job["id"] for job in snapshot.jobs if job["status"] == JobStatus.SUCCEEDED}
    for job_id in snapshot.models.keys() - succeeded:
        yield f"{job_id} did not succeed and has a model"


def effects_apart(snapshot: Snapshot) -> Iterator[str]:
    """Attempts never mix: each start is an attempt, each phase is finished once, in order."""
    for job in snapshot.jobs:
        events = snapshot.events[job["id"]]
        attempts = snapshot.attempts[job["id"]]
        starts = sum(event["type"] == "job.starting" for event in events)
        if starts != len(attempts):
            yield f"{job['id']} was started {starts} times in {len(attempts)} attempts"
        if any(a["ended_at"] is None for a in attempts) and job["status"] in TERMINAL:
            yield f"{job['id']} has ended, an attempt has not"
        finished = Counter(e["data"]["phase"] for e in events if e["type"] == "job.phase_completed")
        for phase, times in finished.items():
            if times > 1:
                yield f"{job['id']} finished phase {phase} {times} times"
        if set(finished) != {output["phase"] for output in snapshot.outputs[job["id"]]}:
            yield f"{job['id']} has outputs that its history does not have"


def bounded_tries(snapshot: Snapshot) -> Iterator[str]:
    """No job is tried for ever."""
    for job in snapshot.jobs:
        if job["crashes"] > MAX_CRASHES or job["attempt"] > job["max_attempts"]:
            yield f"{job['id']} had {job['attempt']} attempts and {job['crashes']} crashes"
        if job["spec"].get("labels", {}).get("script") == "poison" and job["status"] == "succeeded":
            yield f"{job['id']} is poison and succeeded"


def _attempts(snapshot: Snapshot, job: Row, outcome: str) -> list[Row]:
    return [a for a in snapshot.attempts[job["id"]] if a["outcome"] == outcome]


def orphans(snapshot: Snapshot) -> set[str]:
    """Blobs that no row names."""
    return snapshot.blobs() - {file["key"] for _, file in snapshot.files()}


CHECKS: tuple[tuple[str, Callable[[Snapshot], Iterator[str]]], ...] = (
    ("P1", one_row_each),
    ("P2", ended),
    ("P3", ended_once),
    ("P3", no_stray_models),
    ("P4", allowed_edges),
    ("P5", whole_history),
    ("P6", stored_files),
    ("P6", right_results),
    ("P7", effects_apart),
    ("P8", bounded_tries),
)
