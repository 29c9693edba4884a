"""The service under fire, small: a zombie exactly as it happens, and a few faults at random.

``python -m benchmarks.faults`` is the large version.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from app.domain.jobs import TERMINAL
from app.embedded import processes
from benchmarks import faults_checks as checks
from benchmarks.faults_orders import Client, Order
from benchmarks.faults_run import Load, suffer
from benchmarks.faults_world import SHORT, Setup, World

SETTINGS = {
    **SHORT,
    "ADAPTNET_LEASE_SECONDS": "2",
    "ADAPTNET_HEARTBEAT_SECONDS": "0.2",
    "ADAPTNET_HINT_AGAIN_SECONDS": "1",
}
PATIENCE_SECONDS = 40.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Found = TypeVar("Found")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    setup = Setup(settings=SETTINGS, slots=1, dispatchers=1)
    with World(folder, setup) as world:
        yield world


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[Client]:
    client = Client(world.url, world.key)
    client.prepare()
    yield client
    client.close()


def until(condition: Callable[[], Found], what: str) -> Found:
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


def wake_a_zombie(world: World, client: Client, seed: int) -> list[str]:
    """What the checks say of a job whose worker sleeps past its lease and wakes up too late.

    The worker stops in the job's last phase, whose process runs on to its end; another worker
    finishes the job; then the first one wakes up, hears that its process is done, and writes.
    """
    job_id = client.submit(Order(f"zombie-{seed}", "analyze", seed, "slow"))
    until(lambda: in_phase(world, job_id, "report"), "the last phase")
    zombie = worker_of(world, job_id)
    stop_between_transactions(world, zombie)
    until(lambda: status_of(world, job_id) == "succeeded", "another worker to finish the job")
    world.kill(zombie, signal.SIGCONT)
    until(lambda: not [*world.home.scratch.glob(f"{job_id}-*")], "the zombie's own end")
    return of_job(world, job_id)


def stop_between_transactions(world: World, worker: int) -> None:
    """Stop a worker where it holds no lock: the job could not be taken away from it otherwise."""
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND xact_start < %(at)s"
    )
    while True:
        world.kill(worker, signal.SIGSTOP)
        (now,) = world.sql("SELECT clock_timestamp() AS at")
        time.sleep(0.1)  # what others have begun before ends meanwhile
        if not world.sql(query, at=now["at"]):
            return
        world.kill(worker, signal.SIGCONT)
        time.sleep(0.01)


def of_job(world: World, job_id: str) -> list[str]:
    """What the checks say of one job."""
    found = checks.violations(checks.take(world, []))
    return [violation for violation in found if job_id in violation]


def in_phase(world: World, job_id: str, phase: str) -> bool:
    """Whether a job's phase has begun."""
    query = "SELECT 1 FROM event WHERE job_id = %(id)s AND data->>'phase' = %(phase)s"
    return bool(world.sql(query, id=job_id, phase=phase))


def status_of(world: World, job_id: str) -> str:
    """Where a job stands."""
    return str(world.sql("SELECT status FROM job WHERE id = %(id)s", id=job_id)[0]["status"])


def worker_of(world: World, job_id: str) -> int:
    """The worker process that runs a job."""
    for worker in world.pids("worker-cpu"):
        for pid in processes.descendants(worker):
            if job_id in Path(f"/proc/{pid}/cmdline").read_text():
                return worker
    raise AssertionError("no worker runs the job")


def test_a_zombie_changes_nothing(world: World, client: Client) -> None:
    assert wake_a_zombie(world, client, seed=1) == []


def test_a_drained_worker_gives_its_job_back_and_leaves(world: World, client: Client) -> None:
    job_id = client.submit(Order("drained-1", "analyze", 3, "endless"))
    until(lambda: in_phase(world, job_id, "materialize"), "the first phase")
    worker = worker_of(world, job_id)

    world.kill(worker, signal.SIGTERM)

    until(lambda: not processes.is_alive(worker), "the worker's end")
    (job,) = world.sql("SELECT crashes FROM job WHERE id = %(id)s", id=job_id)
    given_back = "SELECT data FROM event WHERE job_id = %(id)s AND type = 'job.queued' AND seq > 1"
    client.cancel(job_id)
    assert [row["data"]["reason"] for row in world.sql(given_back, id=job_id)] == ["drained"]
    assert job["crashes"] == 0


def test_a_cancel_while_the_store_is_full_makes_no_half_success(
    world: World, client: Client
) -> None:
    fault = world.control / "store"
    fault.write_text("full")
    job_id = client.submit(Order("cancelled-1", "analyze", 4))
    until(lambda: in_phase(world, job_id, "materialize"), "the first phase")
    until(lambda: not world.job_processes(), "the end of the job's process")

    client.cancel(job_id)
    fault.unlink()

    until(lambda: status_of(world, job_id) in TERMINAL, "the job's end")
    assert of_job(world, job_id) == []


def test_nothing_is_lost_under_random_faults(world: World) -> None:
    run = suffer(world, seed=1, load=Load(jobs=15, faults=8, real=0, pause=0.6))

    assert run.violations == []
    assert run.figures["jobs"] >= 15
    assert sum(run.faults.values()) >= 6


def test_without_the_fence_the_checks_see_the_zombie(world: World, client: Client) -> None:
    """The negative control; the last test of this file, for it spoils the world."""
    world.without_fencing()

    found = wake_a_zombie(world, client, seed=2)

    assert any("completed twice" in violation for violation in found), found
