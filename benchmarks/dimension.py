"""Intrinsic dimension against scikit-dimension: accuracy, intervals, noise, speed, memory, images.

``python -m benchmarks.dimension [--quick] [--json PATH]`` runs everything in one process on one
thread with the library's defaults, and prints what was measured beside its bar. ``--json -``
prints JSON. DADApy pins old packages: ``--dadapy FILE`` takes its number from a JSON file with
``gride_cpu_seconds`` for 20,000 x 100 rows, measured in an environment of its own.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from benchmarks import dimension_accuracy, dimension_images, dimension_speed
from benchmarks.dimension_rows import Row, table


def main() -> int:
    """Run every row and print them; fails where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer seeds and rows, minutes")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    parser.add_argument("--dadapy", type=Path, metavar="FILE", help="DADApy's seconds, JSON")
    parser.add_argument("--memory-child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_child:
        sys.stdout.write(dimension_speed.memory_child())
        return 0
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        rows = list(_told(all_rows(quick=options.quick, dadapy=options.dadapy)))
    document = {"machine": machine(), "rows": [row.document() for row in rows]}
    if options.json and options.json != "-":
        Path(options.json).write_text(json.dumps(document, indent=1))
    text = json.dumps(document, indent=1) if options.json == "-" else table(rows)
    sys.stdout.write(f"{text}\n")
    return int(any(row.passed is False for row in rows))


def all_rows(*, quick: bool, dadapy: Path | None) -> Iterator[Row]:
    """Every row, the quickest first."""
    seeds = (0,) if quick else (0, 1, 2)
    yield from dimension_accuracy.public(seeds)
    yield from dimension_accuracy.fresh(seeds)
    yield from dimension_accuracy.noise()
    yield from dimension_accuracy.spoiled()
    yield from dimension_accuracy.shapes()
    yield from dimension_speed.speed(2 if quick else 5, dadapy)
    yield dimension_speed.memory()
    yield from dimension_images.images(quick=quick)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": 1,
        "load": os.getloadavg()[0],
    }


def _told(rows: Iterator[Row]) -> Iterator[Row]:
    """Pass rows on, and say on stderr when each came."""
    began = time.perf_counter()
    for row in rows:
        seconds = time.perf_counter() - began
        sys.stderr.write(f"{seconds:6.0f} s  {row.what}: {row.measured}\n")
        yield row


if __name__ == "__main__":
    sys.exit(main())
