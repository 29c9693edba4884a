"""The API in a process of its own, for what only a real server shows."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.embedded.servers import free_port
from app.settings import settings


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    url: str
    port: int
    process: "subprocess.Popen[bytes]"


def environment() -> dict[str, str]:
    """The suite's servers for a process."""
    return {
        **os.environ,
        "ADAPTNET_DATABASE_URL": settings.database_url,
        "ADAPTNET_BROKER_URL": settings.broker_url,
        "ADAPTNET_STORE_URL": settings.store_url,
        "ADAPTNET_WEBHOOK_ALLOW_PRIVATE": "true",
        "ADAPTNET_DISPATCH_POLL_SECONDS": "0.1",
    }


@contextlib.contextmanager
def serving(log: Path, port: int | None = None, before: str = "") -> Iterator[Served]:
    """A server that writes its log to a file; ``before`` is a statement for its process."""
    port = port or free_port()
    options = f"port={port}, access_log=False, timeout_graceful_shutdown=1"
    script = f"{before}\nimport uvicorn; uvicorn.run('app.main:app', {options})"
    with running(script, log) as process:
        url = f"http://127.0.0.1:{port}"
        while not _answers(url):
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.05)
        yield Served(url, port, process)


@contextlib.contextmanager
def running(script: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process until the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", script], env=environment(), stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=5).is_success
    except httpx.TransportError:
        return False
