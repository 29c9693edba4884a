"""Jobs under fire: every kind of fault at random, and afterwards nothing lost or done twice.

``python -m benchmarks.faults [--quick] [--seeds 3] [--jobs 500] [--faults 225] [--json PATH]``
runs the real service in processes of its own (PostgreSQL with fsync, Valkey, API, dispatchers,
workers), submits jobs over HTTP, injects faults and checks rows and store when all is quiet. Then
it measures cancels, recoveries and the start of a job with default settings. ``--no-fencing``
takes the fence out of the workers: then the checks must find violations, and the run fails where
they find none.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks import faults_inject as inject
from benchmarks import faults_orders as orders
from benchmarks import faults_rows
from benchmarks.end_to_end import machine
from benchmarks.faults_run import Load, Run, suffer
from benchmarks.faults_world import SHORT, Setup, World
from benchmarks.structure_row import Row

QUICK = {"seeds": 1, "jobs": 60, "faults": 25, "real": 2, "pause": 0.8}
FULL = {"seeds": 3, "jobs": 500, "faults": 225, "real": 6, "pause": 1.2}
"""A few faults find nothing to hit: no message to drop, no process to kill."""
SETUP = Setup(settings=SHORT)
SHOWN = 10


def main() -> int:
    """Run the seeds and the figures; fails where a bar is missed."""
    options = _parser().parse_args()
    seeds, load = _wanted(options)
    runs: list[Run] = []
    for seed in range(options.first_seed, options.first_seed + seeds):
        with _folder(options.keep, f"seed-{seed}") as folder, World(folder, SETUP) as world:
            runs.append(_told(suffer(world, seed, load)))
        if not load.fencing and runs[-1].violations:
            break
    rows = [_verdict(runs, fencing=load.fencing)]
    if load.fencing and not options.only_faults:
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


def _wanted(options: argparse.Namespace) -> tuple[int, Load]:
    """Seeds and load: what was asked for, else the size that was."""
    size = QUICK if options.quick else FULL
    chosen = {name: getattr(options, name) or size[name] for name in ("seeds", "jobs", "faults")}
    load = Load(
        jobs=int(chosen["jobs"]),
        faults=int(chosen["faults"]),
        real=int(size["real"]),
        pause=size["pause"],
        fencing=options.fencing,
    )
    return int(chosen["seeds"]), load


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
    for name in ("seeds", "jobs", "faults"):
        parser.add_argument(f"--{name}", type=int, help=f"by default {FULL[name]}")
    parser.add_argument(
        "--no-fencing", dest="fencing", action="store_false", help="the negative control"
    )
    parser.add_argument("--first-seed", type=int, default=0, help="by default 0")
    parser.add_argument("--only-faults", action="store_true", help="no cancels, no recoveries")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep logs and rows there")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
