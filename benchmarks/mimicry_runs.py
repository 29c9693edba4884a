"""Run competitors on tables, each result from the cache where a usable one is there."""

import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import mimicry_mlp
from benchmarks.mimicry_result import (
    COMPETITORS,
    Cache,
    Competitor,
    Document,
    NotRun,
    document,
    say,
)
from benchmarks.mimicry_tables import BenchmarkProblem, load

OURS = "ours"


@dataclass(frozen=True)
class Plan:
    """What to run. ``fresh`` : competitors whose cached results do not count.

    With ``untimed`` a result without a usable time is good enough, and what is run now is marked
    as such: for a busy machine.
    """

    tables: Sequence[str]
    seeds: int
    competitors: Sequence[str]
    cache: Cache
    fresh: Collection[str] = ()
    untimed: bool = False


def onnx_of(found: Document) -> bytes | None:
    """The ONNX file that was written beside a result."""
    path = Path(found["file"]).with_suffix(".onnx")
    return path.read_bytes() if path.exists() else None


def names() -> tuple[str, ...]:
    """Ours first, then all competitors."""
    return (OURS, *(name for name in COMPETITORS.names() if name != OURS))


def select(plan: Plan) -> None:
    """The grid and the ladder of the MLP at seed 0, without times."""
    for name in plan.tables:
        problem = load(name, 0)
        say(f"{name}: {mimicry_mlp.select(problem, plan.cache)}")
        mimicry_mlp.ladder_runs(problem, plan.cache)


def results(plan: Plan) -> Iterator[Document]:
    """One document a table, seed and competitor."""
    for name in plan.tables:
        for seed in range(plan.seeds):
            problem = load(name, seed)
            for competitor in plan.competitors:
                found = result(problem, competitor, plan)
                say(f"{name} seed {seed} {competitor}: {_short(found)}")
                yield found


def result(problem: BenchmarkProblem, name: str, plan: Plan) -> Document:
    """From the cache, or from a run now."""
    competitor = COMPETITORS.get(name)()
    path = plan.cache.path(problem, name, competitor.configuration())
    found = None if name in plan.fresh else plan.cache.read(path)
    if found is None or not _usable(found, problem, competitor, plan):
        found, onnx = _run(problem, competitor, plan)
        plan.cache.write(path, found, onnx)
    key = {"table": problem.name, "task": problem.task, "seed": problem.seed, "competitor": name}
    return key | found | {"file": str(path)}


def _usable(found: Document, problem: BenchmarkProblem, competitor: Competitor, plan: Plan) -> bool:
    if not competitor.needs_time or found["status"] != "ran":
        return True
    if found["encoding"] != problem.encoding_digest:
        return False
    timed = bool(found["timed"]) and found["threads"] == torch.get_num_threads()
    return timed or plan.untimed


def _run(
    problem: BenchmarkProblem, competitor: Competitor, plan: Plan
) -> tuple[Document, bytes | None]:
    began = time.perf_counter()
    load_before = os.getloadavg()[0]
    try:
        outcome = competitor.run(problem, plan.cache)
    except NotRun as reason:
        return {"status": "not run", "reason": str(reason)}, None
    found = document(problem, outcome)
    how = {
        "timed": not plan.untimed,
        "threads": torch.get_num_threads(),
        "load": load_before,
        "seconds_with_choice": time.perf_counter() - began,
    }
    return found | how, outcome.onnx


def _short(found: Document) -> str:
    if found["status"] != "ran":
        return f"not run, {found['reason']}"
    return f"loss {found['metrics']['loss']:.5g}, {found['seconds']:.2f} s"
