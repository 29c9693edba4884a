"""Cost in the number of rows, 10,000 to 1,000,000 of 30 columns: seconds and peak memory."""

import json
import subprocess
import sys
from collections.abc import Iterator

import torch

from benchmarks.dimension_rows import Row
from benchmarks.mimicry_bars import log_slope
from benchmarks.mimicry_result import COMPETITORS, Cache, Document, say
from benchmarks.mimicry_runs import OURS

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK_SIZES = SIZES[:3]
MAX_SLOPE, MAX_BYTES = 1.1, 4e9


def rows(cache: Cache, *, quick: bool) -> Iterator[Row]:
    """The slope of the seconds, and the peak memory."""
    found = [_measured(n, cache) for n in (QUICK_SIZES if quick else SIZES)]
    sizes = [each["rows"] for each in found]
    slope = log_slope(sizes, [each["seconds"] for each in found])
    span = f"{sizes[0]:,} to {sizes[-1]:,} rows x 30"
    listed = ", ".join(f"{each['seconds']:.1f}" for each in found)
    yield Row(
        f"cost in n, {span}",
        f"log-log slope {slope:.2f}: {listed} s",
        f"<= {MAX_SLOPE}",
        slope <= MAX_SLOPE,
        {"slope": slope, "runs": found},
    )
    peak = max(each["peak_bytes"] for each in found)
    yield Row(f"peak memory, {span}", f"{peak / 1e9:.2f} GB", "<= 4 GB", peak <= MAX_BYTES)


def _measured(n_rows: int, cache: Cache) -> Document:
    """From the cache, or from a process of its own."""
    threads = torch.get_num_threads()
    key = {**COMPETITORS.get(OURS)().configuration(), "threads": threads}
    path = cache.named(f"synthetic-{n_rows}", key)
    found = cache.read(path)
    if found is None:
        command = [sys.executable, "-m", "benchmarks.mimicry_synthetic"]
        command += ["--rows", str(n_rows), "--threads", str(threads)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        found = dict(json.loads(answer.stdout))
        cache.write(path, found)
        say(
            f"synthetic {n_rows} rows: {found['seconds']:.1f} s, {found['peak_bytes'] / 1e9:.2f} GB"
        )
    return found
