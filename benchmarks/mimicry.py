"""Ours against Adam MLP, LightGBM, support vectors, xRFM and linear models on real tables.

``python -m benchmarks.mimicry [--quick] --json -`` runs every competitor on every table in one
process and prints all results, losses included, and each bar with PASS or MISS. Results lie in the
cache folder, so a run can be cut and go on. ``--select`` runs the MLP's grid alone and keeps no
times, and ``--untimed`` marks what it runs as such: both are for a busy machine. A run without them
on a quiet one then redoes only what needs a time.
"""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from benchmarks import mimicry_report, mimicry_runs
from benchmarks.data import CORE, QUICK, ROOT, all_tables
from benchmarks.mimicry_result import Cache
from benchmarks.mimicry_runs import Plan


def main() -> int:
    """Run, print, and fail where a bar is missed."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    with threadpool_limits(limits=options.threads):
        plan = _plan(options)
        if options.select:
            mimicry_runs.select(plan)
            return 0
        results = list(mimicry_runs.results(plan))
        if options.untimed:
            return 0
        report = mimicry_report.make(plan, results, quick=options.quick)
    document = {"machine": machine(), **report.document()}
    if options.json and options.json != "-":
        Path(options.json).write_text(json.dumps(document, indent=1))
    text = json.dumps(document, indent=1) if options.json == "-" else report.text()
    sys.stdout.write(f"{text}\n")
    return int(any(row.passed is False for row in report.bars))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    suites = parser.add_mutually_exclusive_group()
    suites.add_argument("--quick", action="store_true", help="four tables")
    suites.add_argument("--all", action="store_true", help="every table; by default the core 18")
    suites.add_argument("--tables", nargs="+", metavar="NAME", help="these tables")
    parser.add_argument("--seeds", type=int, default=3, help="validation splits and starts")
    known = mimicry_runs.names()
    parser.add_argument("--competitors", nargs="+", choices=known, default=known)
    parser.add_argument("--fresh", nargs="+", choices=known, default=(), help="run these again")
    parser.add_argument("--select", action="store_true", help="the MLP's grid alone, no times")
    parser.add_argument("--untimed", action="store_true", help="errors only, for a busy machine")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of everybody")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "mimicry-cache")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    tables = options.tables or (QUICK if options.quick else all_tables() if options.all else CORE)
    return Plan(
        tables=tables,
        seeds=options.seeds,
        competitors=options.competitors,
        cache=Cache(options.cache),
        fresh=options.fresh,
        untimed=options.untimed,
    )


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    sys.exit(main())
