"""Ours against DeepSets and PointNet on point sets, one thread each, losses included.

``python -m benchmarks.point_clouds [--quick] --json -`` prints every figure and each bar with PASS
or MISS. Seconds are CPU seconds of the process on both sides, which a busy machine changes little.
Results lie in the cache folder, so a run can be cut and go on; ``--fresh`` runs all again.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from app.science.baselines.networks.point_net import GRID, Setting
from app.science.plots.race import TimedErrors, error_against_time
from benchmarks import point_clouds_data, point_clouds_net, point_clouds_ours
from benchmarks.data import ROOT
from benchmarks.mimicry import machine
from benchmarks.mimicry_result import Cache, Document, say
from benchmarks.point_clouds_data import BARS, CloudProblem

TIMES_OURS, RACE_SECONDS = (3.0, 8.0), 5.0
"""Budgets of the winner. Before, all settings race for as long as ours took, or for this long."""
SLOWER, SAMENESS = 3.0, {"permutation_difference": 1e-6, "onnx_difference": 1e-5}
MOST_BYTES = 6e9


def main() -> int:
    """Run, print, and fail where a bar is missed."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    with threadpool_limits(limits=options.threads):
        results = [_one(options, name) for name in options.sets]
    document = {"machine": machine(), "sets": results}
    if options.plots:
        _draw(options.plots, results)
    text = json.dumps(document, indent=1)
    if options.json and options.json != "-":
        Path(options.json).write_text(text)
    sys.stdout.write(f"{text if options.json == '-' else _table(results)}\n")
    return int(any(not bar["passed"] for result in results for bar in result["bars"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5,000 training sets at most")
    parser.add_argument("--sets", nargs="+", choices=tuple(BARS), default=tuple(BARS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of everybody")
    parser.add_argument("--fresh", action="store_true", help="do not read the cache")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "point-clouds-cache")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="one SVG a set")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    return parser


def _one(options: argparse.Namespace, name: str) -> Document:
    problem = point_clouds_data.load(name, seed=options.seed, quick=options.quick)
    store = _Store(Cache(options.cache), problem, options)
    key = {"code": point_clouds_ours.code_digest()}
    ours = store.result("ours", key, lambda: point_clouds_ours.run(problem))
    race_seconds = max(RACE_SECONDS, ours["seconds"])
    race = [store.trained(setting, race_seconds) for setting in GRID]
    best = max(range(len(GRID)), key=lambda i: float(race[i]["validation_accuracy"]))
    longer = [store.trained(GRID[best], times * ours["seconds"]) for times in TIMES_OURS]
    result = {"name": name, "n_sets": len(problem.rest), "ours": ours}
    result |= {"trained": [*race, *longer]}
    return result | {"bars": _bars(result)}


class _Store:
    """Results of one problem, from the cache where they are there."""

    def __init__(self, cache: Cache, problem: CloudProblem, options: argparse.Namespace) -> None:
        self.cache, self.problem, self.options = cache, problem, options

    def result(self, what: str, key: dict[str, Any], make: Callable[[], Document]) -> Document:
        key = key | {"data": self.problem.digest, "threads": self.options.threads}
        path = self.cache.named(f"{self.problem.name}-{self.problem.seed}-{what}", key)
        found = None if self.options.fresh else self.cache.read(path)
        if found is None:
            found = make()
            self.cache.write(path, found)
            say(f"{self.problem.name} {what}: accuracy {found['accuracy']:.4f}")
        return found

    def trained(self, setting: Setting, seconds: float) -> Document:
        key = setting.to_json() | {"seconds": f"{seconds:.2g}"}
        return self.result(
            setting.family, key, lambda: point_clouds_net.run(self.problem, setting, seconds)
        )


def _bars(result: Document) -> list[Document]:
    ours, least = result["ours"], BARS[result["name"]]
    times = _seconds_to_reach(result["trained"], ours["accuracy"]) / ours["seconds"]
    rows = [
        ("accuracy", ours["accuracy"], least, ours["accuracy"] >= least),
        ("times_ours_until_trained_as_well_or_given_up", times, SLOWER, times >= SLOWER),
        ("peak_bytes", ours["peak_bytes"], MOST_BYTES, ours["peak_bytes"] <= MOST_BYTES),
        *((name, ours[name], most, ours[name] <= most) for name, most in SAMENESS.items()),
    ]
    keys = ("what", "value", "bar", "passed")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _seconds_to_reach(runs: list[Document], accuracy: float) -> float:
    """The first time in any run at which the test accuracy was ours, the longest if it never was.

    The first sight in any of the runs favors training, which cannot know its test accuracy.
    """
    points: list[list[float]] = [point for run in runs for point in run["curve"]]
    longest = max(float(run["budget_seconds"]) for run in runs)
    return min((seconds for seconds, _, test in points if test >= accuracy), default=longest)


def _draw(folder: Path, results: list[Document]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        ours = result["ours"]
        points = ((ours["seconds"], 1.0 - ours["accuracy"]),)
        curves = [
            TimedErrors(
                f"{run['setting']['family']}, {run['budget_seconds']:.0f} s",
                "baseline",
                tuple((seconds, 1.0 - test) for seconds, _, test in run["curve"]),
            )
            for run in result["trained"]
        ]
        plot = error_against_time(
            [TimedErrors("ours", "ours", points), *curves], metric="error_rate", rows="test sets"
        )
        (folder / f"{result['name']}.svg").write_bytes(plot.svg)


def _table(results: list[Document]) -> str:
    lines = []
    for result in results:
        for bar in result["bars"]:
            verdict = "PASS" if bar["passed"] else "MISS"
            lines.append(f"{verdict}  {result['name']}: {bar['what']} {bar['value']:.6g}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
