"""The measured structure of data, and the advice that follows from it, against their bars.

``python -m benchmarks.structure [--quick] [--parts phase rates ...] [--json PATH]`` runs the parts
named below on one thread each and prints what was measured beside its bar; ``--json -`` prints
JSON. Seeds and tables are not those on which the thresholds were calibrated.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from benchmarks.dimension import machine
from benchmarks.structure_row import Row

PARTS = ("analyze", "phase", "rates", "invariance", "head", "forecast", "sizing", "estimates")
COLUMNS = "{:<7}{:<58}{:<38}{}"


def main() -> int:
    """Run the parts and print their rows; fails where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer seeds, rows and tables")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        rows = list(_rows(options.parts, quick=options.quick))
    document = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    if options.json and options.json != "-":
        Path(options.json).write_text(json.dumps(document, indent=1))
    text = json.dumps(document, indent=1) if options.json == "-" else _table(rows)
    sys.stdout.write(f"{text}\n")
    return int(any(row.passed is False for row in rows))


def _rows(parts: list[str], *, quick: bool) -> Iterator[Row]:
    for part in parts:
        began = time.perf_counter()
        found = importlib.import_module(f"benchmarks.structure_{part}").rows(quick)
        sys.stderr.write(f"{time.perf_counter() - began:6.0f} s  {part}: {len(found)} rows\n")
        yield from found


def _table(rows: list[Row]) -> str:
    words = {True: "pass", False: "MISS", None: "-"}
    lines = (
        COLUMNS.format(words[row.passed], row.name[:56], str(row.measured)[:36], row.bar)
        for row in rows
    )
    return "\n".join([COLUMNS.format("", "what", "measured", "must be"), *lines])


if __name__ == "__main__":
    sys.exit(main())
