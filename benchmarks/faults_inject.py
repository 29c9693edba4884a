"""The faults: what can be done to the service, and a seeded order of doing it."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from redis.exceptions import RedisError

from app.embedded import processes
from benchmarks.faults_orders import Client
from benchmarks.faults_world import World

PAST_THE_LEASE = 1.5
"""How often its lease a zombie sleeps."""
DRAIN_SECONDS = 10.0
"""After that a platform kills what does not leave."""
DROP_SECONDS = 0.5
MISS = "nothing to hit"


@dataclass(frozen=True)
class Fault:
    """One fault as it was injected, ``at`` seconds into the run."""

    at: float
    kind: str
    detail: str


class Injector:
    """Injects faults into a world. Some end by themselves later; ``settle`` waits for that."""

    def __init__(self, world: World, client: Client, rng: random.Random) -> None:
        self._world = world
        self._client = client
        self._rng = rng
        self._lease = world.lease_seconds
        self._later: list[threading.Timer] = []
        self._began = time.monotonic()
        self.log: list[Fault] = []

    def run(self, kinds: Sequence[str], pause: float) -> None:
        """Inject these one after the other, with pauses of that many seconds on average."""
        for kind in kinds:
            time.sleep(self._rng.uniform(0.0, 2.0 * pause))
            self.inject(kind)

    def inject(self, kind: str) -> None:
        """Inject one fault now."""
        at = round(time.monotonic() - self._began, 2)
        try:
            detail = FAULTS[kind][1](self)
        except (RedisError, psycopg.OperationalError):  # an earlier fault has its server down
            detail = MISS
        self.log.append(Fault(at, kind, detail))

    def settle(self) -> None:
        """Wait until everything that was stopped, filled up or cut off is whole again."""
        for timer in self._later:
            timer.join()

    def counts(self) -> dict[str, int]:
        """How many faults of each kind hit something."""
        hits = Counter(fault.kind for fault in self.log if fault.detail != MISS)
        return {kind: hits[kind] for kind in FAULTS}

    def _after(self, seconds: float, action: Callable[..., object], *arguments: object) -> None:
        timer = threading.Timer(seconds, action, arguments)
        timer.daemon = True
        timer.start()
        self._later.append(timer)

    def _one(self, pids: Sequence[int]) -> int | None:
        return self._rng.choice(pids) if pids else None

    def kill(self, name: str) -> str:
        """SIGKILL to a process of the service whose name begins so."""
        pid = self._one(self._world.pids(name))
        if pid is None:
            return MISS
        self._world.kill(pid)
        return f"process {pid}"

    def kill_child(self) -> str:
        """SIGKILL to a job's process."""
        pid = self._one(self._world.job_processes())
        if pid is None:
            return MISS
        self._world.kill(pid)
        return f"process {pid}"

    def zombie(self) -> str:
        """Stop a worker past its lease. Its jobs' processes run on, or sleep with it."""
        worker = self._one(self._world.pids("worker-"))
        if worker is None:
            return MISS
        family = processes.descendants(worker) if self._rng.random() < 0.5 else []
        seconds = self._lease * PAST_THE_LEASE
        for pid in (worker, *family):
            self._world.kill(pid, signal.SIGSTOP)
            self._after(seconds, self._world.kill, pid, signal.SIGCONT)
        return f"worker {worker} with {len(family)} processes for {seconds:g} s"

    def drain(self) -> str:
        """SIGTERM to a worker; what has not left after a while is killed."""
        worker = self._one(self._world.pids("worker-"))
        if worker is None:
            return MISS
        self._world.kill(worker, signal.SIGTERM)
        self._after(DRAIN_SECONDS, self._kill_if_kept, worker)
        return f"worker {worker}"

    def _kill_if_kept(self, pid: int) -> None:
        if pid in self._world.pids("worker-"):
            self._world.kill(pid)

    def flush(self) -> str:
        """FLUSHALL: the broker forgets everything."""
        with self._world.valkey() as broker:
            size = broker.dbsize()
            broker.flushall()
        return f"{size} keys"

    def drop(self) -> str:
        """Delete waiting messages, as often as some come within a moment."""
        dropped, deadline = 0, time.monotonic() + DROP_SECONDS
        with self._world.valkey() as broker:
            while time.monotonic() < deadline:
                for key in broker.scan_iter(_type="list"):
                    dropped += int(broker.llen(key))
                    broker.delete(key)
                time.sleep(0.01)
        return f"{dropped} messages" if dropped else MISS

    def duplicate(self) -> str:
        """Wake-up calls for random jobs, whatever their state."""
        found = self._world.sql(
            """
            WITH again AS (
                INSERT INTO outbox (job_id, queue)
                SELECT id, queue FROM job ORDER BY md5(id || %(salt)s) LIMIT 20 RETURNING job_id
            ) SELECT count(*) AS n, pg_notify('adaptnet_outbox', '') FROM again
            """,
            salt=str(self._rng.random()),
        )
        return f"{found[0]['n']} calls" if found[0]["n"] else MISS

    def terminate_backends(self) -> str:
        """``pg_terminate_backend`` on every connection but our own."""
        found = self._world.sql(
            """
            SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        )
        return f"{found[0]['n']} connections"

    def cut(self) -> str:
        """Reset all connections to a server; half the time new ones are refused for a while."""
        name, proxy = self._proxy()
        refused = self._rng.choice((0.0, 2.0))
        if refused:
            proxy.set("refusing")
            self._after(refused, proxy.set, "open")
        return f"{name}: {proxy.cut()} sockets, new ones refused for {refused:g} s"

    def silence(self) -> str:
        """A black hole: connections to a server stay and carry nothing for a while."""
        name, proxy = self._proxy()
        seconds = self._rng.uniform(1.0, 1.5 * self._lease)
        proxy.set("silent")
        self._after(seconds, proxy.set, "open")
        return f"{name} for {seconds:.1f} s"

    def _proxy(self) -> Any:  # noqa: ANN401  (a name and a proxy)
        choices = (("PostgreSQL", self._world.database), ("Valkey", self._world.broker))
        return self._rng.choice(choices)

    def _store(self, fault: str) -> str:
        seconds = self._rng.uniform(0.5, 2.0)
        path = self._world.control / "store"
        path.write_text(fault)
        self._after(seconds, path.unlink, True)
        return f"{fault} for {seconds:.1f} s"

    def store_error(self) -> str:
        """The store is down, or answers with an error though it has written."""
        return self._store(self._rng.choice(("down", "late")))

    def full_disk(self) -> str:
        """The store's disk is full: ENOSPC in the middle of a file."""
        return self._store("full")

    def cancel(self) -> str:
        """A user cancels a random job."""
        job_id = self._one_job()
        if job_id is None:
            return MISS
        self._client.cancel(job_id)
        return job_id

    def _one_job(self) -> str | None:
        waiting = "NOT status = ANY(%(ended)s) AND kind <> 'ingest'"
        found = self._world.sql(
            f"SELECT id FROM job WHERE {waiting} ORDER BY id",  # noqa: S608  (a constant)
            ended=["succeeded", "failed", "cancelled", "expired"],
        )
        return self._rng.choice([row["id"] for row in found]) if found else None


FAULTS: dict[str, tuple[int, Callable[[Injector], str]]] = {
    "kill -9 of a job's process": (4, Injector.kill_child),
    "kill -9 of a worker": (3, lambda i: i.kill("worker-")),
    "kill -9 of a dispatcher": (2, lambda i: i.kill("dispatcher")),
    "kill -9 of the API": (2, lambda i: i.kill("api")),
    "kill -9 of PostgreSQL": (1, lambda i: i.kill("postgres")),
    "kill -9 of Valkey": (1, lambda i: i.kill("valkey")),
    "FLUSHALL": (1, Injector.flush),
    "worker stopped past its lease": (4, Injector.zombie),
    "worker drained by SIGTERM": (2, Injector.drain),
    "messages duplicated": (2, Injector.duplicate),
    "messages dropped": (2, Injector.drop),
    "all backends terminated": (1, Injector.terminate_backends),
    "connections cut": (2, Injector.cut),
    "black hole": (1, Injector.silence),
    "store error": (2, Injector.store_error),
    "disk full": (2, Injector.full_disk),
    "job cancelled": (3, Injector.cancel),
}
"""What is injected, how often in comparison, and how."""


def draw(rng: random.Random, count: int) -> list[str]:
    """So many kinds of faults in random order; each at least once if there are enough."""
    kinds = list(FAULTS)
    weights = [weight for weight, _ in FAULTS.values()]
    drawn = rng.sample(kinds, min(count, len(kinds)))
    drawn += rng.choices(kinds, weights, k=count - len(drawn))
    rng.shuffle(drawn)
    return drawn
