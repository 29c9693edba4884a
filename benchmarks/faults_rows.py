"""Figures on a service with its default settings: cancels, recoveries, and the start of a job."""

import math
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import redis
from celery import Celery

from benchmarks.faults_orders import Client, Order
from benchmarks.faults_world import Setup, World
from benchmarks.structure_row import Row

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.02
STUBBORN_SHARE = 0.1
LATEST_CANCEL_SECONDS = 2.0
SETUP = Setup(slots=4)
AT_ONCE = 8
"""Jobs that run at once: as many as the queue ``cpu`` has slots."""
BARE = "faults.bare"


def rows(world: World, client: Client, rng: random.Random, *, quick: bool) -> Iterator[Row]:
    """All figures, in the order that disturbs least."""
    yield start_latency(world, client, 20 if quick else 50)
    yield cancel_latency(world, client, rng, 20 if quick else 100)
    for blow in BLOWS if quick else BLOWS + LONG_BLOWS:
        yield recovery(world, client, blow)


def start_latency(world: World, client: Client, count: int) -> Row:
    """Submit to start on an idle worker, taken in turns with a bare Celery task."""
    celery = Celery(broker=world.broker_url())
    celery.conf.broker_transport_options = {"global_keyprefix": "adaptnet."}
    jobs, tasks = [], []
    with world.valkey() as broker:
        for number in range(-2, count):
            bare = _bare_seconds(celery, broker, number)
            job = _job_seconds(world, client, number)
            if number >= 0:  # the first ones open connections
                jobs.append(1000 * job)
                tasks.append(1000 * bare)
    job_ms, task_ms = statistics.median(jobs), statistics.median(tasks)
    return Row(
        "submit to start on an idle worker, ms more than a bare Celery task (p50)",
        round(job_ms - task_ms, 1),
        "<= 60",
        job_ms - task_ms <= 60,
        {"job_ms": _spread(jobs), "task_ms": _spread(tasks), "n": count},
    )


def _bare_seconds(celery: Celery, broker: "redis.Redis", number: int) -> float:
    key = f"faults.bare.{number}"
    began = time.time()
    celery.send_task(BARE, args=[key], queue="cpu")
    answer: Any = broker.blpop([key], timeout=20)
    return float(answer[1]) - began


def _job_seconds(world: World, client: Client, number: int) -> float:
    order = Order(f"start-{number + 2:06d}", "analyze", seed=number + 2)
    began = time.time()
    job_id = client.submit(order)
    seconds = _at(world, job_id, "job.starting").timestamp() - began
    _at(world, job_id, "job.succeeded")
    return seconds


def cancel_latency(world: World, client: Client, rng: random.Random, count: int) -> Row:
    """From a cancel at a random moment of a job to its end, on the database's clock.

    One job in ten ignores SIGTERM and has a child that does not know of it.
    """
    stubborn = max(1, round(STUBBORN_SHARE * count))
    scripts = ["stubborn"] * stubborn + ["endless"] * (count - stubborn)
    moments = [rng.uniform(0.0, LATEST_CANCEL_SECONDS) for _ in scripts]

    def cancelled(number: int) -> float | None:
        job_id = client.submit(Order(f"cancel-{number:06d}", "analyze", number, scripts[number]))
        time.sleep(moments[number])
        client.cancel(job_id)
        return _cancel_seconds(world, job_id)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(cancelled, range(count)))
    seconds = [value for value in found if value is not None]
    obeyed = [value for value in found[stubborn:] if value is not None]
    left = _left_running(world)
    p50, p99 = statistics.median(obeyed), _quantile(seconds, 0.99)
    return Row(
        f"cancel at a random moment, {count} jobs: p50 of those that obey, p99 of all, s",
        f"{p50:.2f}, {p99:.1f}",
        "<= 2, <= 35",
        p50 <= 2 and p99 <= 35 and len(seconds) == count and not left,
        {
            "obey_s": _spread(obeyed),
            "ignore_sigterm_s": _spread([v for v in found[:stubborn] if v is not None]),
            "not_cancelled": count - len(seconds),
            "processes_left": left,
        },
    )


def _cancel_seconds(world: World, job_id: str) -> float | None:
    """How long the cancel took; None where the job did not end so."""
    query = "SELECT status, cancel_requested_at, finished_at FROM job WHERE id = %(id)s"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job = world.sql(query, id=job_id)[0]
        if job["status"] == "cancelled":
            return float((job["finished_at"] - job["cancel_requested_at"]).total_seconds())
        time.sleep(POLL_SECONDS)
    return None


@dataclass(frozen=True)
class Blow:
    """A fault after which jobs must be claimed again within ``bar`` seconds.

    ``attempt``: the 1st is a job that waited, the 2nd one whose worker was killed.
    """

    name: str
    strike: Callable[[World], None]
    bar: float = 15.0
    attempt: int = 1


def recovery(world: World, client: Client, blow: Blow) -> Row:
    """The longest pause between two claims after a fault under load; every job must succeed.

    Just the first claim would say little: workers hold messages in advance, which survive a
    broker that has forgotten the others.
    """
    slug = re.sub(r"\W+", "-", blow.name)
    orders = [
        Order(f"after-{slug}-{n:03d}", "analyze", seed=n, script="slow") for n in range(4 * AT_ONCE)
    ]
    job_ids = [client.submit(order) for order in orders]
    _until(lambda: _count(world, "attempt", job_ids, "true") >= AT_ONCE, "all slots busy")
    struck = world.sql("SELECT clock_timestamp() AS at")[0]["at"]
    blow.strike(world)
    lost = 0
    try:
        succeeded = "status = 'succeeded'"
        _until(lambda: _count(world, "job", job_ids, succeeded) == len(job_ids), "all successes")
    except TimeoutError:
        lost = len(job_ids) - _count(world, "job", job_ids, succeeded)
    claims = _claims(world, struck, job_ids, blow.attempt)
    pauses = [(after - before).total_seconds() for before, after in pairwise([struck, *claims])]
    longest = max(pauses, default=math.inf)
    return Row(
        f"{blow.name}: longest pause between claims, s",
        round(longest, 2),
        f"<= {blow.bar:g}, no job lost",
        longest <= blow.bar and not lost,
        {
            "jobs": len(job_ids),
            "not_succeeded": lost,
            "first_claim_s": round(pauses[0], 2) if pauses else None,
            "last_claim_s": round(sum(pauses), 2),
        },
    )


def kill_database(world: World) -> None:
    """SIGKILL to the postmaster."""
    world.kill(world.pids("postgres")[0])


def flush(world: World) -> None:
    """Empty the broker."""
    with world.valkey() as broker:
        broker.flushall()


def kill_workers(world: World) -> None:
    """SIGKILL to every worker of the queue."""
    for pid in world.pids("worker-cpu"):
        world.kill(pid)


BLOWS = (
    Blow("PostgreSQL kill -9", kill_database),
    Blow("Valkey FLUSHALL", flush),
)
LONG_BLOWS = (Blow("worker kill -9, its own job", kill_workers, bar=35.0, attempt=2),)
"""These take as long as a lease."""


def _claims(world: World, struck: datetime, job_ids: list[str], number: int) -> list[datetime]:
    query = """
        SELECT started_at FROM attempt
        WHERE started_at > %(struck)s AND job_id = ANY(%(ids)s) AND number = %(number)s
        ORDER BY started_at
    """
    found = world.sql(query, struck=struck, ids=job_ids, number=number)
    return [row["started_at"] for row in found]


def _count(world: World, table: str, job_ids: list[str], condition: str) -> int:
    column = "id" if table == "job" else "job_id"
    query = f"SELECT count(*) AS n FROM {table} WHERE {column} = ANY(%(ids)s) AND {condition}"  # noqa: S608
    return int(world.sql(query, ids=job_ids)[0]["n"])


def _at(world: World, job_id: str, kind: str) -> datetime:
    """When an event happened; waits for it."""
    query = "SELECT created_at FROM event WHERE job_id = %(id)s AND type = %(kind)s"
    found: list[dict[str, Any]] = []

    def happened() -> bool:
        found.extend(world.sql(query, id=job_id, kind=kind))
        return bool(found)

    _until(happened, f"{kind} of {job_id}")
    at: datetime = found[0]["created_at"]
    return at


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE_SECONDS:g} s for {what}")
        time.sleep(POLL_SECONDS)


def _left_running(world: World) -> int:
    """Processes of jobs that are still there a moment after the last job's end."""
    deadline = time.monotonic() + 5.0
    while world.job_processes() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return len(world.job_processes())


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    levels = {"p50": 0.5, "p90": 0.9, "max": 1.0}
    return {name: round(_quantile(values, share), 3) for name, share in levels.items()}
