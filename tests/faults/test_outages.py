"""The whole embedded service while its servers die, forget, hang and come back.

Everything reaches PostgreSQL and Valkey through proxies that can lose what they carry. Nobody
repairs anything by hand: each test begins with a service that works and ends with one.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis

import app
from app.embedded import processes, state
from app.embedded.servers import free_port
from tests.integration.workers import observe

ROOT = Path(app.__file__).resolve().parents[1]
SECONDS = 60.0
until = partial(observe.until, seconds=SECONDS)
QUICK = {
    "ADAPTNET_BROKER_TIMEOUT_SECONDS": "1",
    "ADAPTNET_DATABASE_LOCK_SECONDS": "0.5",
    "ADAPTNET_DATABASE_STATEMENT_SECONDS": "1",
}
UP = """
import sys, threading
from dataclasses import replace
from urllib.parse import urlsplit
from app.embedded import plan, service
from benchmarks.faults_proxy import Proxy

proxies = {}

def through(name, url):
    port = urlsplit(url.replace("+psycopg", "")).port
    proxies[name] = Proxy(port)
    return url.replace(f":{port}/", f":{proxies[name].port}/")

def prepare(home, endpoints, host, port):
    direct = plan.prepare(home, endpoints, host, port)
    carried = replace(
        endpoints,
        database_url=through("database", endpoints.database_url),
        broker_url=through("broker", endpoints.broker_url),
    )
    threading.Thread(target=obey, daemon=True).start()
    found = plan.commands(home, plan.environment(home, carried), host, port)
    return [command for command in found if command.name != "worker-cpu"]

def obey():
    for line in sys.stdin:
        name, order = line.split()
        proxies[name].cut() if order == "cut" else proxies[name].set(order)
        print("done", flush=True)

service.run(
    sys.argv[1], port=int(sys.argv[2]), prepare=prepare, durable=False,
    ready=lambda running: print("ready", flush=True),
)
"""


@dataclass(frozen=True)
class Live:
    """A running service and what can be done to it."""

    home: state.Home
    process: "subprocess.Popen[str]"
    http: httpx.Client

    def tell(self, proxy: str, order: str) -> None:
        """Have a proxy cut its connections or change its mode."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{proxy} {order}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def url(self, name: str) -> str:
        """Where a server is, past the proxy."""
        found: dict[str, Any] = json.loads(self.home.servers_file.read_text())
        return str(found[name]).replace("+psycopg", "")

    def upload(self, name: str) -> httpx.Response:
        """A small table as a new dataset."""
        return self.http.put(f"/v1/datasets/{name}/content", content=f"a,{name}\n1,2\n" * 2)

    def is_parsed(self, name: str) -> bool:
        """Whether a worker has looked at it."""
        answer = self.http.get(f"/v1/datasets/{name}", params={"wait": 5})
        return answer.status_code == 200 and answer.json()["status"] != "parsing"


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with tempfile.TemporaryDirectory(prefix="adaptnet-outages-") as folder:
        home, port = state.Home(Path(folder) / "home"), free_port()
        process = subprocess.Popen(
            [sys.executable, "-c", UP, str(home.folder), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **QUICK},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        headers = {"Authorization": f"Bearer {home.api_key_file.read_text()}"}
        url = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=SECONDS) as http:
                until(lambda: http.get("/v1/status").json()["workers"].get("io") == 1)
                yield Live(home, process, http)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
            assert process.returncode == 0


def refused(answer: httpx.Response) -> bool:
    """Whether the service says that it is away for a moment; any other error fails the test."""
    if answer.status_code == 200:
        return False
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "dependency_unavailable"
    assert answer.json()["owner"] == "capacity"
    assert int(answer.headers["Retry-After"]) > 0
    return True


def test_a_killed_database_is_an_answer_and_then_over(live: Live) -> None:
    def jobs() -> httpx.Response:
        return live.http.get("/v1/jobs")

    assert jobs().status_code == 200
    (postmaster,) = processes.with_argument(f"cluster_name={live.home.mark}")
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: refused(jobs()))
    until(lambda: not refused(jobs()))

    assert live.upload("after_the_kill").status_code == 202
    until(lambda: live.is_parsed("after_the_kill"))


def test_a_locked_table_does_not_hang_requests(live: Live) -> None:
    with psycopg.connect(live.url("database_url")) as other:
        other.execute("LOCK TABLE job")
        assert refused(live.http.get("/v1/jobs"))
    assert live.http.get("/v1/jobs").status_code == 200


def test_a_database_that_says_nothing_is_an_answer(live: Live) -> None:
    live.tell("database", "losing")
    assert refused(live.http.get("/v1/jobs"))
    live.tell("database", "open")

    until(lambda: not refused(live.http.get("/v1/jobs")))
    assert live.upload("after_the_silence").status_code == 202
    until(lambda: live.is_parsed("after_the_silence"))


def test_jobs_are_accepted_without_a_broker_and_run_when_it_is_back(live: Live) -> None:
    live.tell("broker", "losing")
    assert live.upload("without_a_broker").status_code == 202
    ready = live.http.get("/readyz")
    assert ready.status_code == 200
    assert not ready.json()["checks"]["broker"]["ok"]
    live.tell("broker", "open")

    until(lambda: live.is_parsed("without_a_broker"))


def test_a_restarted_broker_is_found_again(live: Live) -> None:
    (broker,) = processes.with_argument(str(live.home.valkey / "valkey.conf"))
    os.kill(broker, signal.SIGKILL)

    assert live.upload("after_the_restart").status_code == 202
    until(lambda: live.is_parsed("after_the_restart"))


def test_calls_that_an_emptied_broker_forgot_are_made_again(live: Live) -> None:
    family = set(processes.descendants(live.process.pid))
    (worker,) = family.intersection(processes.with_argument("workers.celery_app"))
    names = [f"forgotten_{number}" for number in range(3)]
    with redis.Redis.from_url(live.url("broker_url")) as broker:
        os.kill(worker, signal.SIGSTOP)
        try:
            for name in names:
                assert live.upload(name).status_code == 202
            until(lambda: bool(broker.keys("adaptnet.io*")))
            broker.flushall()
        finally:
            os.kill(worker, signal.SIGCONT)

    for name in names:
        until(lambda name=name: live.is_parsed(name))  # type: ignore[misc]
