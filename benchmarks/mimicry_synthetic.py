"""Ours on one synthetic table of 30 columns, a smooth part and jumps, in a process of its own.

The peak memory is the process's, the table included.
"""

import argparse
import json
import re
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks import mimicry_ours
from benchmarks.mimicry_tables import BenchmarkProblem, Floats, make

COLUMNS, TEST_ROWS, NOISE = 30, 5_000, 0.1


def main() -> int:
    """Measure one size in this process and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with threadpool_limits(limits=options.threads):
        sys.stdout.write(json.dumps(measure(options.rows)))
    return 0


def measure(n_rows: int) -> dict[str, Any]:
    """Seconds of ours, its parts, its test loss and this process's peak memory so far."""
    made = problem(n_rows, 0)
    outcome = mimicry_ours.run(made, 0)
    return {
        "rows": n_rows,
        "seconds": outcome.seconds,
        "parts": outcome.details["parts"],
        "loss": made.metrics(outcome.prediction)["loss"],
        "noise": NOISE / made.unit,
        "peak_bytes": _peak_bytes(),
    }


def problem(n_rows: int, seed: int) -> BenchmarkProblem:
    """``n_rows`` rows to learn from and 5,000 test rows."""
    rng = np.random.default_rng([seed, n_rows])
    x = rng.uniform(-1.0, 1.0, (n_rows + TEST_ROWS, COLUMNS))
    y = _smooth(x) + _jumps(x) + NOISE * rng.standard_normal(len(x))
    is_test = np.arange(len(x)) >= n_rows
    columns = {f"x{j}": x[:, j] for j in range(COLUMNS)}
    return make(f"synthetic-{n_rows}", seed, columns, (y, "regression"), is_test)


def _smooth(x: Floats) -> Floats:
    found: Floats = np.sin(3.0 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] ** 2 + 0.5 * x[:, 4]
    return found


def _jumps(x: Floats) -> Floats:
    curved = x[:, 5] + 0.5 * x[:, 6] ** 2 > 0.1
    corner = (x[:, 7] > 0.0) & (x[:, 8] > 0.2)
    return curved.astype(np.float64) - 0.7 * corner


def _peak_bytes() -> int:
    """Of this program; ``ru_maxrss`` starts from the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
