"""Mixed work for half an hour, and whether memory, open files or connections of the service grow.

``python -m benchmarks.faults_soak [--minutes 30] --json -`` starts the embedded service in a
temporary folder and keeps it busy: uploads, small trainings, predictions, listings, readers of
event streams that go away, cancels. Every few seconds the memory, the open files and the database
connections of the API, the dispatcher and the workers' supervisors are read off ``/proc`` and
PostgreSQL. The children that train come and go and are not counted.

Growth is a Theil-Sen slope after the warm-up, times the time measured: single peaks do not move it.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
from scipy.stats import theilslopes

from app.client import Client
from app.client.errors import ClientError
from app.embedded import processes
from benchmarks.end_to_end import machine, service

SAMPLE_SECONDS = 5.0
WARM_UP = 0.25
MAX_GROWTH = 0.05
MAX_MORE = 3
"""Pools fill late: so many more open files or connections than after the warm-up are no leak."""

ROLES = {
    "api": b"app.main:app",
    "dispatcher": b"workers.dispatcher",
    "worker-cpu": b"worker\0-Q\0cpu",
    "worker-io": b"worker\0-Q\0io",
}
TABLE = "x,z,y\n" + "".join(f"{i % 17},{i % 5},{(i % 17) * 2 + i % 5}\n" for i in range(240))


@dataclass(frozen=True)
class Sample:
    """One process at one moment."""

    seconds: float
    memory_bytes: int
    files: int
    connections: int


@dataclass(frozen=True)
class Growth:
    """One quantity of one process over the time after the warm-up."""

    process: str
    quantity: str
    first: float
    last: float
    growth: float
    passed: bool


def main() -> int:
    """Run, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="adaptnet-soak-") as folder,
        service(Path(folder)) as client,
    ):
        samples, done = soak(client, Path(folder) / "home", options.minutes * 60, options.seed)
    found = [judged for role, seen in samples.items() for judged in judge(role, seen)]
    passed = all(growth.passed for growth in found) and not done["errors"]
    document = {
        "machine": machine(),
        "minutes": options.minutes,
        "work": dict(done),
        "growth": [asdict(growth) for growth in found],
        "samples": {role: [asdict(sample) for sample in seen] for role, seen in samples.items()},
        "passed": passed,
    }
    text = json.dumps(document, indent=1) if options.json == "-" else table(found, done)
    if options.json not in (None, "-"):
        Path(options.json).write_text(json.dumps(document, indent=1))
    print(text)
    return 0 if passed else 1


def soak(
    client: Client, home: Path, seconds: float, seed: int
) -> tuple[dict[str, list[Sample]], Counter[str]]:
    """Keep the service busy and watch it."""
    stopped, done = threading.Event(), Counter[str]()
    acts = work(client, random.Random(seed))  # noqa: S311  (a reproducible mix)
    threads = [threading.Thread(target=keep, args=(act, name, stopped, done)) for name, act in acts]
    for thread in threads:
        thread.start()
    samples: dict[str, list[Sample]] = {role: [] for role in ROLES}
    started = time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        for role, sample in look(home, now).items():
            samples[role].append(sample)
        stopped.wait(SAMPLE_SECONDS)
    stopped.set()
    for thread in threads:
        thread.join()
    return samples, done


def work(client: Client, rng: random.Random) -> list[tuple[str, Callable[[], object]]]:
    """What people do, each in a thread of its own."""
    data = client.datasets.create("soak", _file(TABLE)).wait()
    quick: dict[str, Any] = {"baselines": {"sgd": False}, "register_as": "soak"}
    client.train(data, "y", **quick).wait()
    model = client.models.get("soak")
    rows = [{"x": 3, "z": 2}] * 50

    def train() -> None:
        client.train(data, "y", seed=rng.randrange(1000), **quick).wait()

    def cancel() -> None:
        job = client.train(data, "y", seed=rng.randrange(1000), **quick)
        time.sleep(rng.uniform(0.0, 3.0))
        job.cancel()

    def read_and_leave() -> None:
        with contextlib.closing(client.jobs.list(limit=1)[0].stream()) as events:  # type: ignore[type-var]
            next(events, None)

    def upload() -> None:
        name = f"soak-{rng.randrange(5)}"
        client.datasets.create(name, _file(TABLE + f"1,1,{rng.random()}\n")).wait()

    def listings() -> None:
        client.jobs.list(limit=20)
        client.datasets.list(limit=20)
        client.models.list(limit=20)
        model.download(tempfile.gettempdir() + "/adaptnet-soak.mmpkg")

    return [
        ("trainings", train),
        ("cancels", cancel),
        ("readers gone", read_and_leave),
        ("uploads", upload),
        ("listings", listings),
        ("predictions", lambda: model.predict(rows)),
    ]


def keep(
    act: Callable[[], object], name: str, stopped: threading.Event, done: "Counter[str]"
) -> None:
    """Do one thing again and again, with a short rest."""
    while not stopped.wait(0.2):
        try:
            act()
            done[name] += 1
        except (ClientError, httpx.HTTPError) as error:
            done["errors"] += 1
            print(f"{name}: {error}", file=sys.stderr)


def look(home: Path, now: float) -> dict[str, Sample]:
    """Every long-lived process as it is now."""
    url = json.loads((home / "servers.json").read_text())["database_url"].replace("+psycopg", "")
    with psycopg.connect(url) as db:
        ports = {row[0] for row in db.execute("SELECT client_port FROM pg_stat_activity")}
    family = processes.descendants(json.loads((home / "service.json").read_text())["pid"])
    found: dict[str, Sample] = {}
    for role, mark in ROLES.items():
        for pid in family:
            if mark in _read(pid, "cmdline"):
                sockets = _sockets(pid)
                connections = sum(port in ports for port in sockets)
                files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
                found[role] = Sample(now, _anonymous(pid), files, connections)
                break
    return found


def judge(role: str, samples: list[Sample]) -> list[Growth]:
    """Growth of each quantity after the warm-up."""
    begun = samples[-1].seconds * WARM_UP if samples else 0.0
    seen = [sample for sample in samples if sample.seconds >= begun]
    if len(seen) < 3:
        return [Growth(role, "too few samples", 0, 0, 0, passed=False)]
    return [
        _growth(role, seen, "memory_bytes", lambda first, more: more <= MAX_GROWTH * first),
        _growth(role, seen, "files", lambda _, more: more <= MAX_MORE),
        _growth(role, seen, "connections", lambda _, more: more <= MAX_MORE),
    ]


def _growth(
    role: str, seen: list[Sample], quantity: str, allowed: Callable[[float, float], bool]
) -> Growth:
    times = np.array([sample.seconds for sample in seen])
    values = np.array([getattr(sample, quantity) for sample in seen], dtype=float)
    slope, intercept, _, _ = theilslopes(values, times)
    first, last = intercept + slope * times[0], intercept + slope * times[-1]
    passed = allowed(float(first), float(last - first))
    share = (last - first) / first if first else 0.0
    return Growth(role, quantity, round(first), round(last), round(float(share), 4), passed)


def table(found: list[Growth], done: "Counter[str]") -> str:
    """The result for people."""
    lines = [f"work done: {dict(done)}"]
    lines += [
        f"{g.process:>11} {g.quantity:>12} {g.first:>12,.0f} -> {g.last:>12,.0f} "
        f"{g.growth:>7.1%} {'ok' if g.passed else 'GROWS'}"
        for g in found
    ]
    return "\n".join(lines)


def _file(content: str) -> Path:
    path = Path(tempfile.gettempdir()) / f"adaptnet-soak-{threading.get_ident()}.csv"
    path.write_text(content)
    return path


def _anonymous(pid: int) -> int:
    """Memory that is no file's: what libraries take depends on who else shares their pages."""
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith(b"Anonymous:"):
            return 1024 * int(line.split()[1])
    return 0


def _sockets(pid: int) -> list[int]:
    """Local ports of a process's TCP connections."""
    inodes = {
        target.removeprefix("socket:[").removesuffix("]")
        for entry in Path(f"/proc/{pid}/fd").iterdir()
        if (target := _target(entry)).startswith("socket:")
    }
    rows = [line.split() for line in _read(pid, "net/tcp").decode().splitlines()[1:]]
    return [int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes]


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
