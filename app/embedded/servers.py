"""PostgreSQL and Valkey in one state folder, for as long as this process lives."""

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from app.embedded import binaries, children, postgres, state
from app.embedded.errors import ChildFailed
from app.embedded.valkey import Broker

MAX_PORT_TRIES = 5
START_SECONDS = 90.0
TRANSIENT = (
    "Address already in use",
    "Address in use",
    "could not bind",
    "shared memory block",  # backends of a killed server are still on their way out
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How to reach the two servers. ``created`` is true at the first start of a folder."""

    database_url: str
    broker_url: str
    postgres_pid: int
    valkey_pid: int
    created: bool


class Servers:
    """The two servers of one state folder.

    Parameters
    ----------
    home : the state folder; by default ``ADAPTNET_HOME`` or ``.adaptnet``
    durable : false for tests: a power cut or a killed server may then lose what was committed last
    """

    def __init__(self, home: Path | str | None = None, *, durable: bool = True) -> None:
        self.home = state.home_at(home)
        self.durable = durable
        self.children: list[children.Child] = []
        self._lock: TextIO | None = None
        self._throw_away: Path | None = None

    def __enter__(self) -> Endpoints:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether this object holds the state folder."""
        return self._lock is not None

    def start(self) -> Endpoints:
        """Start both and wait until they answer. Call it from the main thread.

        Raises ``AlreadyRunning``, ``BinaryMissing``, ``VersionMismatch`` or ``ChildFailed``, and
        then leaves nothing running.
        """
        self.home.prepare()
        self._lock = state.lock(self.home)
        try:
            endpoints = self._start_both()
        except BaseException:
            self.stop()
            raise
        state.write_json(self.home.servers_file, {"pid": os.getpid(), **asdict(endpoints)})
        return endpoints

    def stop(self) -> None:
        """Stop both, the last started first. Safe to call twice."""
        for child in self.children:
            child.ask_to_stop()
        for child in reversed(self.children):
            child.stop()
        self.children = []
        if self._lock is None:
            return
        self.home.servers_file.unlink(missing_ok=True)
        if self._throw_away:
            shutil.rmtree(self._throw_away, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def _start_both(self) -> Endpoints:
        found = binaries.find_postgres()
        broker = Broker(self.home, binaries.find_valkey(), self.durable)
        if os.geteuid() == 0:
            found, self._throw_away = binaries.reachable_copy(found, self.home.folder)
        cluster = postgres.Cluster(self.home, found, self.durable)

        created = cluster.prepare()
        broker.prepare()
        postgres_port = self._start(cluster.command, cluster.is_ready)
        valkey_port = self._start(broker.command, broker.is_ready)

        password = self.home.password()
        address = f"{postgres.USER}:{password}@127.0.0.1:{postgres_port}/{postgres.DATABASE}"
        return Endpoints(
            database_url=f"postgresql+psycopg://{address}",
            broker_url=f"redis://:{password}@127.0.0.1:{valkey_port}/0",
            postgres_pid=self.children[0].pid,
            valkey_pid=self.children[1].pid,
            created=created,
        )

    def _start(
        self, command: Callable[[int], children.Command], is_ready: Callable[[int], bool]
    ) -> int:
        """Start one server on a free port; another process may be faster, so try again."""
        for tries_left in reversed(range(MAX_PORT_TRIES)):
            port = free_port()
            child = children.Child(command(port))
            self.children.append(child)
            child.start()
            try:
                children.wait_for(lambda: is_ready(port), child, START_SECONDS)  # noqa: B023
            except ChildFailed:
                if not tries_left or not any(word in child.log_tail() for word in TRANSIENT):
                    raise
                self.children.remove(child)
                child.stop()
                time.sleep(0.5)
            else:
                return port
        raise AssertionError("unreachable")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
