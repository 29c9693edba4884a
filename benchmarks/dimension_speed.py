"""Speed and memory rows. CPU seconds of one thread; our runs and theirs take turns."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skdim
import torch

from app.science.intrinsic_dimension.first_look import first_look
from app.science.intrinsic_dimension.neighbors import exact_neighbors
from app.science.intrinsic_dimension.report import measure
from app.science.intrinsic_dimension.scale_curve import scale_curve
from benchmarks.cloud import SHAPE, cloud
from benchmarks.dimension_rows import Row

MEMORY_SHAPE = (60_000, 784)
MEMORY_CAP = 512 * 2**20


def speed(repeats: int, dadapy: Path | None) -> Iterator[Row]:
    """The whole report, the curve over all rows, and the value alone."""
    points = cloud(SHAPE).astype(np.float64)
    medians = _in_turns(
        {
            "report": lambda: measure(points),
            "MLE(20)": lambda: skdim.id.MLE(K=20).fit(points, n_neighbors=20),
            "curve": lambda: scale_curve(exact_neighbors(torch.from_numpy(points), 100)),
            "GRIDE(1,2)": lambda: skdim.id.GRIDE().fit(points),
            "first look": lambda: first_look(points),
        },
        repeats,
    )
    size = f"{SHAPE[0]} x {SHAPE[1]}"
    mle = f"full report, {size}, defaults (10k queries)"
    yield _ratio(mle, medians, "report", "MLE(20)", 0.8)
    yield _ratio(f"curve k <= 100, {size}, every row a query", medians, "curve", "MLE(20)", None)
    yield _ratio(f"value alone, {size}", medians, "first look", "GRIDE(1,2)", 0.10)
    yield _against_dadapy(medians["report"], dadapy)


def memory() -> Row:
    """Peak of a child process that measures 60k x 784, above the data."""
    command = [sys.executable, "-m", "benchmarks.dimension", "--memory-child"]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    extra = found["extra_bytes"]
    return Row(
        f"peak memory above the data, {MEMORY_SHAPE[0]} x {MEMORY_SHAPE[1]} float32",
        f"{extra / 2**20:.0f} MB, {found['cpu_seconds']:.1f} CPU s",
        "<= 512 MB",
        extra <= MEMORY_CAP,
        found,
    )


def memory_child() -> str:
    """Measure in this process and say how far its peak rose; JSON."""
    torch.set_num_threads(1)
    measure(cloud((2_000, 20)))  # loads every module before the line is drawn
    points = cloud(MEMORY_SHAPE)
    before, began = _resident_peak(), time.process_time()
    best = measure(points).recommended
    extra = _resident_peak() - before
    seconds = time.process_time() - began
    return json.dumps({"extra_bytes": extra, "cpu_seconds": seconds, "value": best.value})


def _in_turns(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each; the first round warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def _ratio(what: str, medians: dict[str, float], ours: str, theirs: str, bar: float | None) -> Row:
    ratio = medians[ours] / medians[theirs]
    return Row(
        what,
        f"{medians[ours]:.2f} / {medians[theirs]:.2f} CPU s of {theirs} = {ratio:.2f}x",
        "" if bar is None else f"<= {bar:.2f}x",
        None if bar is None else ratio <= bar,
        {"ours": medians[ours], "theirs": medians[theirs], "ratio": ratio},
    )


def _against_dadapy(ours: float, file: Path | None) -> Row:
    """DADApy pins old packages, so its seconds come from a file made elsewhere."""
    what = "full report against DADApy GRIDE, 20k x 100"
    if file is None:
        return Row(what, "not measured: no --dadapy file", "<= 0.30x")
    theirs = float(json.loads(file.read_text())["gride_cpu_seconds"])
    return _ratio(what, {"report": ours, "DADApy": theirs}, "report", "DADApy", 0.3)


def _resident_peak() -> int:
    """Highest resident bytes so far; Linux counts in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
