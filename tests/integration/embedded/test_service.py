"""The supervisor around the two servers, with small stand-ins for the API and the worker."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import app
from app.embedded import doctor, processes, service, state
from app.embedded.errors import AlreadyRunning, PortTaken
from app.embedded.servers import free_port

ROOT = Path(app.__file__).resolve().parents[1]

UP = """
import sys
from pathlib import Path
from app.embedded import plan, service
from app.embedded.children import Command

API = '''
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''
WORKER = "import subprocess, sys, time; subprocess.Popen(['sleep', '99'], start_new_session=True);"
WORKER += sys.argv[3]

def prepare(home, endpoints, host, port):
    env = plan.environment(home, endpoints)
    scripts = {"api": (API, str(port)), "worker": (WORKER,)}
    return [
        Command(
            name, (sys.executable, "-c", *script), home.logs / f"{name}.log", home.folder, env,
            grace_seconds=2.0,
        )
        for name, script in scripts.items()
    ]

def ready(running):
    print("ready", running.url, flush=True)

service.run(
    sys.argv[1], port=int(sys.argv[2]), ready=ready, prepare=prepare, durable=False
)
"""
LIVES = "time.sleep(99)"
DIES = "time.sleep(0.1); sys.exit('no such queue')"


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="adaptnet-service-") as folder:
        yield Path(folder) / "home"


@pytest.fixture
def up(home: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start(worker: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", UP, str(home), str(free_port()), worker],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ours(home: Path) -> list[int]:
    """Every process that belongs to a state folder."""
    place = state.Home(home)
    return [
        *processes.with_variable("ADAPTNET_RUN", place.mark),
        *processes.with_argument(f"cluster_name={place.mark}"),
        *processes.with_argument(str(place.valkey / "valkey.conf")),
    ]


def sleepers(home: Path) -> list[int]:
    """What the stand-in for a worker starts in a session of its own."""
    return [pid for pid in ours(home) if Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]


def wait_ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return line.split()[1]
    raise AssertionError("the service ended before it was ready")


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_status_second_start_restart_and_stop(
    home: Path, up: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    process = up(LIVES)
    url = wait_ready(process)
    running = service.status(home)
    assert running is not None
    assert (running.pid, running.url, running.is_ready()) == (process.pid, url, True)
    with pytest.raises(AlreadyRunning, match=f"already runs at {url}"):
        service.run(home, port=free_port())

    worker = next(
        pid
        for pid in processes.with_variable("ADAPTNET_RUN", state.Home(home).mark)
        if b"subprocess.Popen" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)
    assert process.stdout is not None
    assert "worker was killed by SIGKILL; starting it again" in process.stdout.readline()
    wait_until(lambda: len(ours(home)) == 6)  # two servers, api, worker, its child, the orphan

    before = ours(home)
    assert service.down(home) == running
    assert process.wait(20) == 0
    assert [pid for pid in before if processes.is_alive(pid)] == []
    assert ours(home) == []
    assert service.status(home) is None
    assert not (home / "service.json").exists()
    assert service.down(home) is None


def test_a_killed_service_leaves_no_process(
    home: Path, up: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    process = up(LIVES)
    wait_ready(process)
    wait_until(lambda: len(sleepers(home)) == 1)  # the worker has started it, and it has exec'ed
    orphans = sleepers(home)
    process.kill()
    process.wait()
    wait_until(lambda: set(ours(home)) <= set(orphans))
    assert service.status(home) is None
    again = up(LIVES)  # ends what the killed worker had started in a session of its own
    wait_ready(again)
    assert processes.wait_gone(orphans, 5.0) == []
    again.send_signal(signal.SIGINT)
    assert again.wait(20) == 0
    assert ours(home) == []


def test_a_child_that_always_dies_ends_the_service_with_its_reason(
    home: Path, up: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    process = up(DIES)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ChildFailed: worker ended with status 1, for the 6th time within a minute" in output
    assert "no such queue" in output
    assert ours(home) == []


def test_a_taken_port_is_named_before_anything_starts(home: Path) -> None:
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", 0))
        rival.listen()
        with pytest.raises(PortTaken, match=r"is taken; choose another.*--port \d+"):
            service.run(home, port=rival.getsockname()[1])
    assert not home.exists()


def test_the_doctor_works_without_a_service(home: Path) -> None:
    checks = {check.name: check for check in doctor.examine(home, port=free_port())}
    assert checks["postgresql"].detail.startswith("18.")
    assert checks["service"].detail.startswith("not running")
    assert all(check.remedy for check in checks.values() if not check.ok)
    assert not home.exists()
