"""The cost of looking: a whole ``analyze`` job on a table of 20,000 rows and 30 columns.

Two targets, one smooth and one that jumps; the job runs as ``python -m workers.offline`` in a
process of its own, with all cores. Only a quiet machine tells the time.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.structure_row import Row

ROWS, COLUMNS, RELEVANT = 20_000, 30, 6
MOST_SECONDS = 10.0
PHASES = ("dimension", "structure", "invariance")
_LINE = re.compile(r"^\s*([a-z_]+)\s+([0-9.]+) s\s*$", re.MULTILINE)


def rows(quick: bool) -> list[Row]:
    """One row a target; ``quick`` looks at the one that jumps."""
    return [_measured(name) for name in ("jump", "smooth")[: 1 if quick else 2]]


def table(name: str, seed: int = 11) -> pa.Table:
    """Columns on a curved set of ``RELEVANT`` dimensions, noise on all of them, and the target."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1.0, 1.0, (ROWS, RELEVANT))
    x = np.tanh(z @ rng.normal(size=(RELEVANT, COLUMNS))) + 0.05 * rng.normal(size=(ROWS, COLUMNS))
    y = np.sin(2.0 * z[:, 0]) + z[:, 1] * z[:, 2]
    if name == "jump":
        y = y + 2.0 * (z[:, 3] + 0.5 * z[:, 4] ** 2 > 0.1)
    columns = {f"x{j}": x[:, j] for j in range(COLUMNS)}
    return pa.table({**columns, "y": y + 0.1 * rng.normal(size=ROWS)})


def _measured(name: str) -> Row:
    with tempfile.TemporaryDirectory(prefix="adaptnet-analyze-") as folder:
        root = Path(folder)
        pq.write_table(table(name), root / "data.parquet")
        (root / "spec.json").write_text(json.dumps({"kind": "analyze", "label": "y"}))
        command = [sys.executable, "-m", "workers.offline", "spec.json", "data.parquet"]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        wall = time.perf_counter() - began
    seconds = {phase: float(value) for phase, value in _LINE.findall(done.stdout + done.stderr)}
    total = sum(seconds.values())
    parts = ", ".join(f"{phase} {seconds[phase]:.1f}" for phase in PHASES)
    return Row(
        f"detection cost: analyze, {ROWS:,} x {COLUMNS}, {name}",
        f"{total:.1f} s ({parts})",
        f"<= {MOST_SECONDS:g} s",
        total <= MOST_SECONDS,
        {"phases": seconds, "process_seconds": wall},
    )
