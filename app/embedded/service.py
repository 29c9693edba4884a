"""The embedded service from start to stop: one command in the foreground, all else its children."""

import contextlib
import errno
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import httpx

from app.embedded import plan, processes, state
from app.embedded.children import Child, Command
from app.embedded.errors import AlreadyRunning, ChildFailed, PortTaken
from app.embedded.servers import Endpoints, Servers, free_port
from app.embedded.state import Home
from app.embedded.supervision import Watched, look_after

READY_SECONDS = 90.0
POLL_SECONDS = 0.1
DOWN_SECONDS = 60.0

log = logging.getLogger(__name__)

Prepare = Callable[[Home, Endpoints, str, int], list[Command]]


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs, as others see it."""

    pid: int
    url: str
    started: str
    home: Path

    @property
    def api_key(self) -> str | None:
        """The key of the first project, once there is one."""
        try:
            return state.Home(self.home).api_key_file.read_text().strip()
        except OSError:
            return None

    def is_ready(self) -> bool:
        """Whether ``/readyz`` says so."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=5.0, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK


def run(
    home: Path | str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[Running], None] | None = None,
    prepare: Prepare = plan.prepare,
    durable: bool = True,
) -> None:
    """Start everything, call ``ready`` once, and look after it until SIGINT, SIGTERM or SIGHUP.

    Call it from the main thread. Raises an ``EmbeddedError`` when the service cannot start or a
    child dies again and again; whatever happens, no process is left behind.
    """
    place = state.home_at(home)
    if other := status(place.folder):
        raise AlreadyRunning(
            f"the service already runs at {other.url} (process {other.pid}, state in "
            f"{place.folder}); stop it with: adaptnet down",
            pid=other.pid,
            url=other.url,
        )
    check_port(host, port)
    servers = Servers(place.folder, durable=durable)
    children: list[Child] = []
    with _stop_signals(children) as stopping:
        try:
            endpoints = servers.start()
            _end_leftovers(place)
            running = _announce(place, host, port)
            children += [Child(command) for command in prepare(place, endpoints, host, port)]
            for child in children:
                child.start()
            watched = [Watched(child) for child in (*servers.children, *children)]
            _look_after_all(watched, running, ready, stopping)
        finally:
            _stop_all(place, children, servers)


def status(home: Path | str | None = None) -> Running | None:
    """The service that runs on a state folder, if one does."""
    place = state.home_at(home)
    values = state.read_json(place.service_file)
    if values is None or state.holder(place) != values.get("pid"):
        return None
    return Running(values["pid"], values["url"], values["started"], place.folder)


def down(home: Path | str | None = None, *, seconds: float = DOWN_SECONDS) -> Running | None:
    """Stop the service of a state folder and wait for its end; returns what ran there."""
    running = status(home)
    if running is not None:
        processes.end([running.pid], first=signal.SIGTERM, grace_seconds=seconds)
    return running


def check_port(host: str, port: int) -> None:
    """Raise ``PortTaken`` unless we could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is taken" if taken else f"cannot be used ({error.strerror})"
            raise PortTaken(
                f"port {port} of {host} {reason}; choose another, for example: "
                f"adaptnet up --port {free_port()}"
            ) from error


def _look_after_all(
    watched: list[Watched],
    running: Running,
    ready: Callable[[Running], None] | None,
    stopping: list[int],
) -> None:
    deadline = time.monotonic() + READY_SECONDS
    announced = False
    while not stopping:
        look_after(watched)
        if not announced and running.is_ready():
            announced = True
            if ready is not None:
                ready(running)
        if not announced and time.monotonic() > deadline:
            logs = state.Home(running.home).logs
            raise ChildFailed(f"the API was not ready in {READY_SECONDS:.0f} s; see {logs}")
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _stop_signals(children: list[Child]) -> Iterator[list[int]]:
    """Collect stop signals in a list; the second one kills the children at once."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)
        if len(received) > 1:
            for child in children:
                child.kill()

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in wanted}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(home: Home, host: str, port: int) -> Running:
    """Write who serves, for ``status``, ``down`` and a second ``up``."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    address = f"[{name}]" if ":" in name else name
    started = datetime.now(UTC).isoformat(timespec="seconds")
    running = Running(os.getpid(), f"http://{address}:{port}", started, home.folder)
    values = {"pid": running.pid, "url": running.url, "started": started}
    state.write_json(home.service_file, values)
    return running


def _stop_all(home: Home, children: list[Child], servers: Servers) -> None:
    """Children first and together, then whatever they left, then the servers under them."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
    if servers.is_running:
        _end_leftovers(home)
        home.service_file.unlink(missing_ok=True)
    servers.stop()


def _end_leftovers(home: Home) -> None:
    """End processes of this state folder: of a killed service, or orphans of a killed worker."""
    leftovers = processes.with_variable("ADAPTNET_RUN", home.mark)
    if leftovers:
        log.warning("ending %d processes that were left behind", len(leftovers))
        processes.end(leftovers, first=signal.SIGTERM, grace_seconds=3.0)
