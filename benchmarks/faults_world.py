"""The real service in processes of its own, and a supervisor that starts again whatever dies.

The processes are those of the embedded service: PostgreSQL with fsync, Valkey, the API,
dispatchers and workers. They meet both servers through proxies. A container platform is played by
one thread that restarts what has ended, at once and for ever.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import redis
from psycopg.rows import dict_row

from app.embedded import plan, processes
from app.embedded.children import Child, Command
from app.embedded.servers import Endpoints, Servers, free_port
from app.embedded.state import home_at
from benchmarks import faults_patches
from benchmarks.faults_proxy import Proxy

START_SECONDS = 90.0
LOOK_SECONDS = 0.05
RESTART_SECONDS = 0.3
ENTRIES = {
    "app.main:app": "benchmarks.faults_api:app",
    "workers.celery_app": "benchmarks.faults_worker",
}
"""Modules that the harness runs in the place of the service's own; they import those."""

MAX_CRASHES = 4

SHORT = {
    "ADAPTNET_LEASE_SECONDS": "4",
    "ADAPTNET_HEARTBEAT_SECONDS": "0.5",
    "ADAPTNET_DISPATCH_POLL_SECONDS": "0.5",
    "ADAPTNET_HINT_AGAIN_SECONDS": "2",
    "ADAPTNET_CANCEL_GRACE_SECONDS": "1",
    "ADAPTNET_DATABASE_STATEMENT_SECONDS": "4",
    "ADAPTNET_MAX_ATTEMPTS": "20",
    "ADAPTNET_MAX_CRASHES": str(MAX_CRASHES),
}
"""Minutes instead of hours; and tries enough that only a poisonous job uses them up."""


@dataclass(frozen=True)
class Setup:
    """How the service is run.

    Attributes
    ----------
    settings : environment of every process
    workers : the queue of each worker process, which has ``slots`` threads
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    workers: Sequence[str] = ("cpu", "cpu", "io")
    slots: int = 2
    dispatchers: int = 2


class World:
    """The service, from ``with`` to its end.

    ``database`` and ``broker`` are the proxies between the service and its servers; ``sql`` and
    ``valkey`` go around them.
    """

    database: Proxy
    broker: Proxy

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.home = home_at(folder / "home")
        self.control = folder / "control"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.key = ""
        self.lease_seconds = float(setup.settings.get("ADAPTNET_LEASE_SECONDS", 30))
        self._port = port
        self._setup = setup
        self._servers = Servers(self.home.folder)
        self._endpoints: Endpoints | None = None
        self._kept: list[_Kept] = []
        self._failure: BaseException | None = None
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._lock = threading.Lock()
        self._started, self._stopping = threading.Event(), threading.Event()
        # Children die with the thread that started them, so one thread starts them all.
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> "World":
        self.control.mkdir(parents=True)
        self._keeper.start()
        self._started.wait()
        if self._failure is not None:
            self._keeper.join()
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._keeper.join()

    def pids(self, name: str) -> list[int]:
        """Processes whose name in this world begins with ``name``."""
        kept = [k.child for k in self._kept if k.child.command.name.startswith(name)]
        return [child.pid for child in kept if child.exit_status() is None]

    def job_processes(self) -> list[int]:
        """Processes that jobs have started, and whatever else carries the service's mark."""
        known = {kept.child.pid for kept in self._kept}
        return [
            p for p in processes.with_variable("ADAPTNET_RUN", self.home.mark) if p not in known
        ]

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; a process that is gone is fine."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def sql(self, query: str, **values: object) -> list[dict[str, Any]]:
        """Run one statement on the database itself; again if the connection is cut."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self._lock:
                    found = self._connected().execute(query.encode(), values)
                    return found.fetchall() if found.description else []
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)

    def _connected(self) -> "psycopg.Connection[dict[str, Any]]":
        """The harness's own connection, made anew where it was cut."""
        if self._connection is None or self._connection.broken:
            url = self._endpoint().database_url.replace("postgresql+psycopg", "postgresql", 1)
            self._connection = psycopg.connect(
                url, autocommit=True, connect_timeout=3, row_factory=dict_row
            )
        return self._connection

    @contextlib.contextmanager
    def valkey(self) -> Iterator["redis.Redis"]:
        """A client of the broker itself."""
        with redis.Redis.from_url(self._endpoint().broker_url, socket_timeout=30) as client:
            yield client

    def broker_url(self) -> str:
        """The broker as the service sees it, through the proxy."""
        return _through(self.broker, self._endpoint().broker_url)

    def run(self, module: str, **more: str) -> str:
        """Run a module of the service to its end, straight at the servers; returns its output."""
        env = {**os.environ, **plan.environment(self.home, self._endpoint()), **more}
        command = [sys.executable, "-P", "-m", module]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    def without_fencing(self) -> None:
        """Take the fence out of the workers, and the trigger out of the database."""
        self.sql("ALTER TABLE job DISABLE TRIGGER USER")
        for kept in self._kept:
            command = kept.child.command
            if command.name.startswith("worker-"):
                env = {**command.env, faults_patches.NO_FENCING: "1"}
                kept.child.command = replace(command, env=env)
                self.kill(kept.child.pid)

    def _endpoint(self) -> Endpoints:
        assert self._endpoints is not None  # noqa: S101  (set before ``with`` enters)
        return self._endpoints

    def _keep(self) -> None:
        try:
            self._start()
            self._started.set()
            while not self._stopping.wait(LOOK_SECONDS):
                for kept in self._kept:
                    kept.look()
        except BaseException as error:  # noqa: BLE001  (told to the thread that waits)
            self._failure = error
        finally:
            self._stop()
            self._started.set()

    def _start(self) -> None:
        direct = self._endpoints = self._servers.start()
        self.database = Proxy(urlsplit(direct.database_url).port or 0)
        self.broker = Proxy(urlsplit(direct.broker_url).port or 0)
        seen = replace(
            direct,
            database_url=_through(self.database, direct.database_url),
            broker_url=_through(self.broker, direct.broker_url),
        )
        planned = plan.prepare(self.home, seen, "127.0.0.1", self._port)
        self.key = self.home.api_key_file.read_text().strip()
        self._kept = [_Kept(child) for child in self._servers.children]
        for command in self._commands(planned):
            child = Child(command)
            child.start()
            self._kept.append(_Kept(child))
        self._wait_until_ready()

    def _commands(self, planned: list[Command]) -> Iterator[Command]:
        by_name = {command.name: command for command in planned}
        more = {**self._setup.settings, "FAULTS_CONTROL": str(self.control)}
        for name, command in by_name.items():
            argv = tuple(ENTRIES.get(word, word) for word in command.argv)
            command = replace(command, argv=argv, env={**command.env, **more})
            if name.startswith("worker-"):
                count = sum(f"worker-{queue}" == name for queue in self._setup.workers)
                command = replace(command, argv=(*argv, "-c", str(self._setup.slots)))
            else:
                count = self._setup.dispatchers if name == "dispatcher" else 1
            for number in range(1, count + 1):
                yield _numbered(command, number)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                ready = httpx.get(f"{self.url}/readyz", trust_env=False).is_success
                if ready and len(self.sql("SELECT 1 FROM worker")) >= len({*self._setup.workers}):
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the service was not ready; see {self.home.logs}")
            time.sleep(LOOK_SECONDS)

    def _stop(self) -> None:
        children = [kept.child for kept in self._kept][len(self._servers.children) :]
        for child in children:
            self.kill(child.pid, signal.SIGCONT)
            child.ask_to_stop()
        for child in children:
            child.stop(grace_seconds=5.0)
        if self._connection is not None:
            self._connection.close()
        processes.end(self.job_processes(), first=signal.SIGKILL, grace_seconds=1.0)
        self._servers.stop()
        for proxy in (self.__dict__.get("database"), self.__dict__.get("broker")):
            if proxy is not None:
                proxy.stop()


@dataclass
class _Kept:
    """A child that is started again a moment after its end."""

    child: Child
    due: float | None = None

    def look(self) -> None:
        now = time.monotonic()
        if self.due is not None and now >= self.due:
            self.due = None
            self.child.start()
        elif self.due is None and self.child.exit_status() is not None:
            self.due = now + RESTART_SECONDS


def _numbered(command: Command, number: int) -> Command:
    """One of several processes of the same command, with a name and a log of its own."""
    name = f"{command.name}-{number}"
    argv = command.argv
    if command.name.startswith("worker-"):
        argv = (*argv, "-n", f"{name}@%h")
    return replace(command, name=name, argv=argv, log=command.log.with_name(f"{name}.log"))


def _through(proxy: Proxy, url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
