"""Jobs under fire: every kind of fault at random, and afterwards nothing lost or done twice.

``python -m benchmarks.faults [--quick] [--seeds 3] [--jobs 500] [--faults 200] [--json PATH]``
runs the real service in processes of its own (PostgreSQL with fsync, Valkey, API, dispatchers,
workers), submits jobs over HTTP, injects faults and checks rows and store when all is quiet. Then
it measures cancels, recoveries and the start of a job with default settings. ``--no-fencing``
takes the fence out of the workers: then the checks must find violations, and the run fails where
they find none.
"""

import argparse
import importlib.util
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.domain.jobs import TERMINAL
from benchmarks import faults_checks as checks
from benchmarks import faults_inject as inject
from benchmarks import faults_orders as orders
from benchmarks import faults_rows
from benchmarks.end_to_end import machine
from benchmarks.faults_world import LEASE_SECONDS, SHORT, Setup, World
from benchmarks.structure_row import Row

QUICK = {"seeds": 1, "jobs": 60, "faults": 25}
FULL = {"seeds": 3, "jobs": 500, "faults": 225}
PAUSE_SECONDS = 1.2
"""Between two faults, on average."""
QUIET_SECONDS = 180.0
SWEEPER = "app.services.sweeper"
SHOWN = 10


@dataclass(frozen=True)
class Load:
    """How much is asked of the service in one run, and how much is done to it."""

    jobs: int
    faults: int
    real: int
    pause: float = PAUSE_SECONDS
    fencing: bool = True


@dataclass(frozen=True)
class Run:
    """What came of one seed."""

    seed: int
    fencing: bool
    statuses: dict[str, int]
    faults: dict[str, int]
    violations: list[str]
    figures: dict[str, Any]
    log: list[inject.Fault] = field(default_factory=list)


def main() -> int:
    """Run the seeds and the figures; fails where a bar is missed."""
    options = _parser().parse_args()
    wanted = {k: getattr(options, k) or v for k, v in (QUICK if options.quick else FULL).items()}
    load = Load(wanted["jobs"], wanted["faults"], 2 if options.quick else 6)
    load = load if options.fencing else Load(**{**asdict(load), "fencing": False})
    runs: list[Run] = []
    for seed in range(wanted["seeds"]):
        with _folder(options.keep, f"seed-{seed}") as folder:
            runs.append(_told(run(folder, seed, load)))
        if not options.fencing and runs[-1].violations:
            break
    rows = [_verdict(runs, fencing=options.fencing)]
    if options.fencing and not options.only_faults:
        rows += _figures(options.keep, quick=options.quick)
    document = {
        "machine": machine(),
        "settings": SHORT,
        "load": asdict(load),
        "rows": [asdict(row) for row in rows],
        "runs": [asdict(run) for run in runs],
    }
    if options.json and options.json != "-":
        Path(options.json).write_text(json.dumps(document, indent=1))
    text = json.dumps(document, indent=1) if options.json == "-" else _table(rows, runs)
    sys.stdout.write(f"{text}\n")
    return int(any(row.passed is False for row in rows))


def run(folder: Path, seed: int, load: Load) -> Run:
    """Start a world, let it suffer, wait until it is quiet, and check it."""
    with World(folder, Setup(settings=SHORT)) as world:
        return suffer(world, seed, load)


def suffer(world: World, seed: int, load: Load) -> Run:
    """Submit and disturb, then wait for the end and look."""
    rng = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)
    began = time.monotonic()
    client = orders.Client(world.url, world.key)
    client.prepare()
    if not load.fencing:
        world.without_fencing()
    placing = orders.place_all(
        client, orders.draw(rng, load.jobs, load.real), load.faults * load.pause
    )
    injector = inject.Injector(world, client, rng, LEASE_SECONDS)
    injector.run(inject.draw(rng, load.faults), load.pause)
    injector.settle()
    last_fault = time.monotonic()
    for thread in placing:
        thread.join()
    _wait_until_ended(world)
    quiet = time.monotonic() - last_fault
    left = _processes_left(world)
    swept = _sweep(world)
    snapshot = checks.take(world, client.answers)
    found = checks.violations(snapshot)
    found += [f"P9 process {pid} was left behind" for pid in left]
    orphans = checks.orphans(snapshot) | snapshot.unfinished()
    found += [f"P6 {key} is named by no row and was not swept" for key in orphans if swept]
    found += [f"P11 {complaint}" for complaint in client.complaints]
    client.close()
    return Run(
        seed=seed,
        fencing=load.fencing,
        statuses=dict(Counter(str(job["status"]) for job in snapshot.jobs)),
        faults=injector.counts(),
        violations=found,
        figures={
            "jobs": len(snapshot.jobs),
            "faults": sum(injector.counts().values()),
            "attempts": sum(len(found) for found in snapshot.attempts.values()),
            "answers": {str(status): n for status, n in sorted(client.statuses.items())},
            "quiet_seconds": round(quiet, 1),
            "seconds": round(time.monotonic() - began, 1),
            "blobs": len(snapshot.blobs()),
            "orphan_blobs": len(checks.orphans(snapshot)),
            "unfinished_files": len(snapshot.unfinished()),
            "swept": swept,
            "scratch_folders": sum(1 for _ in world.home.scratch.iterdir()),
        },
        log=injector.log,
    )


def _wait_until_ended(world: World) -> None:
    """Until every job is in a final state, or so long that it never will be."""
    deadline = time.monotonic() + QUIET_SECONDS
    ended = [str(status) for status in TERMINAL]
    query = "SELECT count(*) AS n FROM job WHERE NOT status = ANY(%(ended)s)"
    while world.sql(query, ended=ended)[0]["n"] and time.monotonic() < deadline:
        time.sleep(0.1)


def _processes_left(world: World, seconds: float = 10.0) -> list[int]:
    """Job processes that are still there though no job is."""
    deadline = time.monotonic() + seconds
    while (left := world.job_processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _sweep(world: World) -> str | None:
    """Delete what no row names, without the time of grace; None where nothing can."""
    if importlib.util.find_spec(SWEEPER) is None:
        return None
    return world.run(SWEEPER, ADAPTNET_SWEEP_GRACE_SECONDS="0").strip()


def _figures(keep: Path | None, *, quick: bool) -> Iterator[Row]:
    with _folder(keep, "figures") as folder, World(folder, faults_rows.SETUP) as world:
        client = orders.Client(world.url, world.key)
        client.prepare()
        rng = random.Random(0)  # noqa: S311
        for row in faults_rows.rows(world, client, rng, quick=quick):
            sys.stderr.write(f"{row.name}: {row.measured}\n")
            yield row
        client.close()


def _verdict(runs: list[Run], *, fencing: bool) -> Row:
    found = sum(len(run.violations) for run in runs)
    jobs = sum(run.figures["jobs"] for run in runs)
    faults = sum(run.figures["faults"] for run in runs)
    what = f"{jobs} jobs under {faults} faults, {len(runs)} seeds: violations"
    if not fencing:
        return Row(f"{what} without fencing", found, "> 0: the checks can fail", found > 0)
    return Row(what, found, "0", found == 0)


def _told(done: Run) -> Run:
    """Say on stderr what came of a seed."""
    sys.stderr.write(f"seed {done.seed}: {done.statuses} {done.figures}\n")
    for violation in done.violations[:SHOWN]:
        sys.stderr.write(f"  {violation}\n")
    return done


def _table(rows: list[Row], runs: list[Run]) -> str:
    words = {True: "pass", False: "MISS", None: "-"}
    lines = [f"{words[row.passed]:<5}{row.name:<78}{row.measured!s:<14}{row.bar}" for row in rows]
    lines += ["", f"{'fault':<34}" + "".join(f"{f'seed {run.seed}':>8}" for run in runs)]
    for kind in inject.FAULTS:
        lines.append(f"{kind:<34}" + "".join(f"{run.faults[kind]:>8}" for run in runs))
    return "\n".join(lines)


@contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    """A folder for a world: one that goes away, or one to look at afterwards."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="adaptnet-faults-") as folder:
            yield Path(folder)
        return
    shutil.rmtree(keep / name, ignore_errors=True)
    (keep / name).mkdir(parents=True)
    yield keep / name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small seed, fewer cancels")
    for name in FULL:
        parser.add_argument(f"--{name}", type=int, help=f"by default {FULL[name]}")
    parser.add_argument(
        "--no-fencing", dest="fencing", action="store_false", help="the negative control"
    )
    parser.add_argument("--only-faults", action="store_true", help="no cancels, no recoveries")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep logs and rows there")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
