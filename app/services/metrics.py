"""What the service can be watched by: one entry a metric, and the numbers read from the database.

``recent`` metrics look back over 15 minutes instead of counting up: they are right after any
restart, alike from every process, and cost jobs nothing.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from app.db.queries import jobs, metrics, workers
from app.db.session import transaction
from app.domain.errors import DependencyUnavailable
from app.domain.jobs import TERMINAL, JobStatus

STARTED, QUEUED, FAILED = "job.starting", "job.queued", "job.failed"
ENDS = [f"job.{status}" for status in JobStatus if status in TERMINAL]
LOST = "worker_lost"


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge, or counter, with the labels of its samples."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    counter: bool = False


METRICS = (
    Metric("adaptnet_database_up", "1 while the database answers; nothing below is there without"),
    Metric("adaptnet_collect_seconds", "Seconds that reading these numbers took"),
    Metric("adaptnet_jobs", "Jobs that have not ended", ("queue", "kind", "status")),
    Metric("adaptnet_queue_oldest_seconds", "How long the first in a queue has waited", ("queue",)),
    Metric("adaptnet_workers", "Workers alive", ("queue",)),
    Metric("adaptnet_outbox_calls", "Wake-up calls that were not sent yet"),
    Metric("adaptnet_outbox_oldest_seconds", "Age of the oldest of them"),
    Metric("adaptnet_recent_starts", "Attempts started", ("queue",)),
    Metric(
        "adaptnet_recent_queue_wait_seconds",
        "Seconds from queued to started",
        ("queue", "quantile"),
    ),
    Metric("adaptnet_recent_attempts", "Attempts started", ("kind",)),
    Metric("adaptnet_recent_outcomes", "Jobs that have ended", ("kind", "outcome")),
    Metric("adaptnet_recent_failures", "Jobs that have failed", ("kind", "owner", "code")),
    Metric("adaptnet_recent_requeues", "Attempts that ended back in the queue", ("kind", "reason")),
    Metric("adaptnet_recent_lease_losses", "Attempts whose worker stopped renewing its lease"),
    Metric("adaptnet_recent_phases", "Phases finished", ("kind", "phase")),
    Metric("adaptnet_recent_phase_seconds", "Seconds of a phase", ("kind", "phase", "quantile")),
    Metric("adaptnet_webhook_pending", "Deliveries that wait for an enabled webhook"),
    Metric("adaptnet_webhook_oldest_seconds", "Age of the oldest of them"),
    Metric("adaptnet_webhook_receivers", "Webhooks: sound, failing or disabled", ("state",)),
    Metric(
        "adaptnet_webhook_deliveries", "Deliveries taken or given up", ("outcome",), counter=True
    ),
)

Sample = tuple[str, tuple[str, ...], float]
"""Name of the metric, values of its labels, value."""


def read() -> dict[str, list[tuple[tuple[str, ...], float]]]:
    """Label values and value of every sample, by metric."""
    started = time.perf_counter()
    found: defaultdict[str, list[tuple[tuple[str, ...], float]]] = defaultdict(list)
    try:
        with transaction() as db:
            for part in PARTS:
                for name, labels, value in part(db):
                    found[f"adaptnet_{name}"].append((labels, value))
    except DependencyUnavailable:
        return {"adaptnet_database_up": [((), 0.0)]}
    found["adaptnet_database_up"] = [((), 1.0)]
    found["adaptnet_collect_seconds"] = [((), time.perf_counter() - started)]
    return found


def _now(db: Connection) -> Iterator[Sample]:
    for queue, kind, status, count in jobs.depth(db):
        yield "jobs", (queue, kind, status), count
    for queue, seconds in metrics.oldest_waiting(db):
        yield "queue_oldest_seconds", (queue,), seconds
    for queue, count in workers.alive(db).items():
        yield "workers", (queue,), count
    calls, age = metrics.outbox(db)
    yield "outbox_calls", (), calls
    yield "outbox_oldest_seconds", (), age


def _durations(db: Connection) -> Iterator[Sample]:
    for queue, count, seconds in metrics.waits(db):
        yield "recent_starts", (queue,), count
        yield from _quantiles("recent_queue_wait_seconds", (queue,), seconds)
    for kind, phase, count, seconds in metrics.phases(db):
        yield "recent_phases", (kind, phase), count
        yield from _quantiles("recent_phase_seconds", (kind, phase), seconds)


def _outcomes(db: Connection) -> Iterator[Sample]:
    counted: Counter[tuple[str, tuple[str, ...]]] = Counter({("recent_lease_losses", ()): 0})
    for kind, event, owner, code, reason, count in metrics.moves(db, [STARTED, QUEUED, *ENDS]):
        if LOST in (code, reason):
            counted["recent_lease_losses", ()] += count
        if event == STARTED:
            counted["recent_attempts", (kind,)] += count
        elif event == QUEUED and reason is not None:
            counted["recent_requeues", (kind, reason)] += count
        if event in ENDS:
            counted["recent_outcomes", (kind, event.removeprefix("job."))] += count
        if event == FAILED:
            counted["recent_failures", (kind, str(owner), str(code))] += count
    for (name, labels), value in counted.items():
        yield name, labels, value


def _webhooks(db: Connection) -> Iterator[Sample]:
    pending, age = metrics.backlog(db)
    yield "webhook_pending", (), pending
    yield "webhook_oldest_seconds", (), age
    delivered = failed = 0.0
    for state, count, n_delivered, n_failed in metrics.receivers(db):
        yield "webhook_receivers", (state,), count
        delivered, failed = delivered + n_delivered, failed + n_failed
    yield "webhook_deliveries", ("delivered",), delivered
    yield "webhook_deliveries", ("failed",), failed


def _quantiles(name: str, labels: tuple[str, ...], values: list[float]) -> Iterator[Sample]:
    for quantile, value in zip(metrics.QUANTILES, values, strict=True):
        yield name, (*labels, f"{quantile:g}"), value


PARTS: tuple[Callable[[Connection], Iterator[Sample]], ...] = (
    _now,
    _durations,
    _outcomes,
    _webhooks,
)
