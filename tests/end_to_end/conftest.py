"""The whole service as its users have it: ``adaptnet up`` in processes of its own, over HTTP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.client import Client

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ADAPTNET_DATA", ROOT.parent / "shared" / "data"))
START_SECONDS = 90


@dataclass(frozen=True)
class Live:
    """A running service."""

    url: str
    key: str
    home: Path
    pid: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Start the embedded service once for all end-to-end tests, and stop it with SIGTERM."""
    home, port = tmp_path_factory.mktemp("service") / "home", free_port()
    url = f"http://127.0.0.1:{port}"
    log = home.parent / "up.log"
    command = [sys.executable, "-m", "app.cli", "up", "--home", str(home), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)
    try:
        _wait_until_ready(process, url, log)
        key = (home / "api-key").read_text().strip()
        yield Live(url, key, home, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()[-3000:]


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"not ready in {START_SECONDS} s: {log.read_text()[-3000:]}")


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    with Client(live.url, live.key) as client:
        yield client


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the real data sets."""
    if not DATA.exists():
        pytest.skip(f"no real data at {DATA}; set ADAPTNET_DATA")
    return DATA
