"""One run under fire: orders go in, faults come down, and at the end all is looked at."""

import importlib.util
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.jobs import TERMINAL
from benchmarks import faults_checks as checks
from benchmarks import faults_inject as inject
from benchmarks import faults_orders as orders
from benchmarks.faults_world import World

QUIET_SECONDS = 180.0
GONE_SECONDS = 10.0
LOOK_SECONDS = 0.1
SWEEPER = "app.services.sweeper"


@dataclass(frozen=True)
class Load:
    """How much is asked of the service in one run, and how much is done to it.

    ``real``: how many jobs do real work. ``pause``: seconds between faults, on average.
    """

    jobs: int
    faults: int
    real: int
    pause: float
    fencing: bool = True


@dataclass(frozen=True)
class Run:
    """What came of one seed."""

    seed: int
    statuses: dict[str, int]
    faults: dict[str, int]
    violations: list[str]
    figures: dict[str, Any]
    log: list[inject.Fault] = field(default_factory=list)


def suffer(world: World, seed: int, load: Load) -> Run:
    """Submit and disturb, then wait for the end and look."""
    rng = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)
    client = orders.Client(world.url, world.key)
    client.prepare()
    if not load.fencing:
        world.without_fencing()
    seconds = load.faults * load.pause
    placing = orders.place_all(client, orders.draw(rng, load.jobs, load.real), seconds)
    injector = inject.Injector(world, client, rng)
    injector.run(inject.draw(rng, load.faults), load.pause)
    injector.settle()
    quiet = _seconds_to_rest(world, placing)
    left = _processes_left(world)
    swept = _sweep(world)
    client.close()
    snapshot = checks.take(world, client.answers)
    orphans = checks.orphans(snapshot) | snapshot.unfinished()
    found = [
        *checks.violations(snapshot),
        *(f"P6 {key} is named by no row and was not swept" for key in orphans if swept),
        *(f"P9 process {pid} was left behind" for pid in left),
        *(f"P11 {complaint}" for complaint in client.complaints),
    ]
    figures = {
        "jobs": len(snapshot.jobs),
        "faults": sum(injector.counts().values()),
        "attempts": sum(len(attempts) for attempts in snapshot.attempts.values()),
        "answers": {str(status): n for status, n in sorted(client.statuses.items())},
        "quiet_seconds": round(quiet, 1),
        "blobs": len(snapshot.blobs()),
        "orphans": len(orphans),
        "swept": swept,
        "scratch_folders": sum(1 for _ in world.home.scratch.iterdir()),
    }
    statuses = dict(Counter(str(job["status"]) for job in snapshot.jobs))
    return Run(seed, statuses, injector.counts(), found, figures, injector.log)


def _seconds_to_rest(world: World, placing: Sequence[threading.Thread]) -> float:
    """Until every job is in a final state, or so long that it never will be."""
    began = time.monotonic()
    for thread in placing:
        thread.join()
    ended = [str(status) for status in TERMINAL]
    query = "SELECT count(*) AS n FROM job WHERE NOT status = ANY(%(ended)s)"
    while world.sql(query, ended=ended)[0]["n"] and time.monotonic() < began + QUIET_SECONDS:
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began


def _processes_left(world: World) -> list[int]:
    """Processes of jobs that are still there though no job is."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := world.job_processes()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return left


def _sweep(world: World) -> str | None:
    """Delete what no row names, without the time of grace; None where nothing can."""
    if importlib.util.find_spec(SWEEPER) is None:
        return None
    return world.run(SWEEPER, ADAPTNET_SWEEP_GRACE_SECONDS="0").strip()
