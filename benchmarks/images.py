"""Ours against a small CNN by SGD on MNIST and CIFAR-10, accuracy against seconds.

``python -m benchmarks.images [--quick] --json -`` runs both on every set in one process with the
same threads and prints all results, losses included, and each bar with PASS or MISS. Ours comes
first, on all sets. Results lie in the cache folder, so a run can be cut and go on, or be done set
by set; ``--fresh`` runs everything again.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from benchmarks import images_cnn, images_data, images_ours
from benchmarks.data import ROOT
from benchmarks.images_data import NAMES, ImageSet
from benchmarks.images_report import SetReport
from benchmarks.mimicry import machine
from benchmarks.mimicry_result import Cache, say

VERSION = 1
"""Changes with every change that makes cached results wrong."""


def main() -> int:
    """Run, print, and fail where a bar is missed."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    with threadpool_limits(limits=options.threads):
        reports = [_shown(report, options) for report in _reports(options)]
    bars = [bar for report in reports for bar in report.bars()]
    document = {"machine": machine(), "sets": [report.document() for report in reports]}
    if options.json and options.json != "-":
        Path(options.json).write_text(json.dumps(document, indent=1))
    lines = "\n".join(report.text() for report in reports)
    text = json.dumps(document, indent=1) if options.json == "-" else lines
    sys.stdout.write(f"{text}\n")
    return int(any(bar.passed is False for bar in bars))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 images of whole sets")
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of everybody")
    parser.add_argument("--max-memory", type=float, default=4.0, help="of features, in GB")
    parser.add_argument("--fresh", action="store_true", help="run what is cached again")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "images-cache")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="one SVG a set")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    return parser


def _reports(options: argparse.Namespace) -> Iterator[SetReport]:
    cache = Cache(options.cache)
    problems = images_data.sets(options.sets, quick=options.quick)
    all_ours = [_ours(problem, options, cache) for problem in problems]
    for problem, ours in zip(problems, all_ours, strict=True):
        n_rows = len(problem.train)
        short = images_cnn.short_runs(quick=options.quick, n_rows=n_rows)
        cnn = [_cnn(problem, setting, options, cache) for setting in short]
        if not options.quick:
            longer = images_cnn.long_runs(cnn, n_rows, float(ours["seconds"]))
            cnn += [_cnn(problem, setting, options, cache) for setting in longer]
        yield SetReport(problem.name, ours, cnn)


def _shown(report: SetReport, options: argparse.Namespace) -> SetReport:
    """Said and drawn as soon as it is there, since the next one may take hours."""
    say(report.text())
    if options.plots:
        options.plots.mkdir(parents=True, exist_ok=True)
        (options.plots / report.file_name).write_bytes(report.plot().svg)
    return report


def _ours(problem: ImageSet, options: argparse.Namespace, cache: Cache) -> dict[str, Any]:
    memory_bytes = int(options.max_memory * 1e9)
    key = {"version": VERSION, "threads": options.threads, "memory": memory_bytes}
    path = cache.named(f"{problem.name}-ours", key)
    found = None if options.fresh else cache.read(path)
    if found is None:
        say(f"{problem.name}: ours")
        found = images_ours.run(problem, memory_bytes=memory_bytes)
        cache.write(path, found)
    return found


def _cnn(
    problem: ImageSet, setting: images_cnn.Setting, options: argparse.Namespace, cache: Cache
) -> dict[str, Any]:
    key = {"version": VERSION, "threads": options.threads, "setting": setting.to_json()}
    path = cache.named(f"{problem.name}-cnn", key)
    found = None if options.fresh else cache.read(path)
    if found is None:
        say(f"{problem.name}: {setting}")
        found = asdict(images_cnn.train(problem, setting))
        cache.write(path, found)
    return found


if __name__ == "__main__":
    sys.exit(main())
