"""Measure jobs and fit ``cost.json`` beside this file.

Run ``python -m app.science.architecture.make_cost TABLES``, where TABLES is a folder of Parquet
files with a column ``target``. It takes about ten minutes on an idle machine. On a busy one say
``--clock cpu`` with ``OMP_NUM_THREADS=1``: one thread's processor time is what an idle core would
need. With ``--refit`` it runs no job and fits the stored measurements again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.optimize
from numpy.typing import NDArray

from app.science.architecture.cost import (
    FILE,
    FORMAT,
    KERNEL_DRIVERS,
    KERNEL_PHASES,
    MEMORY_DRIVERS,
    SECONDS_DRIVERS,
    START,
    Coefficients,
    drivers,
    upper_quantile,
    weighted,
)

DESIGN = (
    ("yacht", 308), ("energy", 768), ("airfoil", 1503), ("semeion", 1593), ("skillcraft", 1000),
    ("mlc_churn", 2000), ("page_blocks", 2000), ("waveform", 5000), ("texture", 3000),
    ("stackoverflow", 4000), ("computers", 6259), ("delta_elevators", 9517),
    ("power_plant", 5000), ("lending_club", 9857), ("pendigits", 10_992), ("ailerons", 13_750),
    ("hr_attrition", 14_999), ("noaa_weather", 18_159), ("deliveries", 10_012),
    ("nlswork", 28_534), ("fried", 20_000), ("shuttle", 15_000), ("vote_2016", 20_000),
    ("gss_wages", 8000), ("nsl_kdd", 12_000),
)  # fmt: skip
"""Table and rows; none of them is in the suite that the estimates are checked on."""
DESIGN_ROWS = max(rows for _, rows in DESIGN)
TARGET, SPLIT = "target", "split"
Clock = Literal["wall", "cpu"]
SEED = 20261124
LEAST_SECONDS = 0.02
"""Phases that take less are fitted no closer than to this."""
NEGLIGIBLE = 1e-6
_PHASE_LINE = re.compile(r"^\s*([a-z_]+)\s+([0-9.]+) s\s*$")


@dataclass(frozen=True)
class Measurement:
    """One job: its size, seconds in all and by phase, and peak resident bytes."""

    name: str
    rows: int
    columns: int
    classes: int
    seconds: float
    memory: int
    by_phase: Mapping[str, float]

    @property
    def at(self) -> dict[str, float]:
        """Drivers of its size."""
        return drivers(self.rows, self.columns, self.classes)


def measure(
    table: Path,
    rows: int,
    *,
    seed: int = SEED,
    clock: Clock = "wall",
    spec: Mapping[str, Any] | None = None,
) -> Measurement:
    """Train on random rows of a Parquet file in a process of its own.

    Parameters
    ----------
    spec : parts of the job's body that differ from the defaults

    Raises
    ------
    subprocess.CalledProcessError
        The job failed; its output is attached.
    """
    data = _sample(table, rows, seed)
    body = {"kind": "train", "target": TARGET, **(spec or {})}
    with tempfile.TemporaryDirectory(prefix="adaptnet-cost-") as folder:
        root = Path(folder)
        pq.write_table(data, root / "data.parquet")
        (root / "spec.json").write_text(json.dumps(body))
        command = [sys.executable, "-m", "workers.offline", "spec.json", "data.parquet"]
        used = _run(command, root)
        result = json.loads((root / "adaptnet-run" / "result.json").read_text())
    share = used.cpu / used.wall if clock == "cpu" else 1.0
    by_phase = {name: round(share * value, 4) for name, value in _phases(used.text).items()}
    seconds = share * used.wall
    by_phase[START] = max(0.0, seconds - sum(by_phase.values()))
    return Measurement(
        name=table.stem,
        rows=data.num_rows,
        columns=data.num_columns - 1,
        classes=len(result["classes"]),
        seconds=seconds,
        memory=used.memory,
        by_phase=by_phase,
    )


def fit(measurements: Sequence[Measurement], clock: Clock = "wall") -> dict[str, Any]:
    """Everything that ``cost.json`` holds."""
    seconds, memory = _coefficients(measurements)
    ratios = [_left_out_ratios(measurements, index) for index in range(len(measurements))]
    return {
        "format": FORMAT,
        "seconds": seconds,
        "memory": memory,
        "seconds_ratio": _quantiles([ratio[0] for ratio in ratios]),
        "memory_ratio": _quantiles([ratio[1] for ratio in ratios]),
        "fitted_on": {
            "n_jobs": len(measurements),
            "clock": clock,
            "date": datetime.now(tz=UTC).date().isoformat(),
            "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
            "ranges": {
                name: [min(values), max(values)]
                for name in ("rows", "columns", "classes")
                if (values := [getattr(each, name) for each in measurements])
            },
        },
        "measurements": [asdict(each) for each in measurements],
    }


def stored() -> tuple[list[Measurement], Clock]:
    """The measurements behind the file, and what they were timed by."""
    document = json.loads(FILE.read_text())
    clock: Clock = "cpu" if document["fitted_on"]["clock"] == "cpu" else "wall"
    return [Measurement(**each) for each in document["measurements"]], clock


def main(arguments: list[str]) -> int:
    """Measure and fit; the exit status is 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path, nargs="?", help="folder of Parquet files")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--refit", action="store_true", help="fit the stored measurements again")
    parser.add_argument("--most-rows", type=int, default=None, help="no job with more rows")
    options = parser.parse_args(arguments)
    if options.refit:
        found, clock = stored()
    elif options.tables is None:
        parser.error("name the folder of tables, or pass --refit")
    else:
        clock = options.clock
        found = list(_measured(options.tables, clock, options.most_rows or DESIGN_ROWS))
    FILE.write_text(json.dumps(fit(found, clock), indent=1) + "\n")
    return 0


def _measured(tables: Path, clock: Clock, most: int) -> Iterable[Measurement]:
    for name, rows in DESIGN:
        if rows <= most:
            found = measure(tables / f"{name}.parquet", rows, clock=clock)
            sys.stderr.write(f"{name:>16} {found.rows:6} rows {found.seconds:7.1f} s\n")
            yield found


def _sample(path: Path, rows: int, seed: int) -> pa.Table:
    table = pq.read_table(path)
    chosen = np.sort(np.random.default_rng(seed).permutation(table.num_rows)[:rows])
    return table.take(chosen).drop_columns([c for c in (SPLIT,) if c in table.column_names])


@dataclass(frozen=True)
class _Used:
    """Wall and processor seconds, peak resident bytes and stderr of a process."""

    wall: float
    cpu: float
    memory: int
    text: str


def _run(command: list[str], folder: Path) -> _Used:
    paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
    log = folder / "log.txt"
    began = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=stream
        )
        _, status, usage = os.wait4(process.pid, 0)  # the only way to this child's own peak
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(errors="replace")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=text)
    return _Used(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def _phases(text: str) -> dict[str, float]:
    lines = (_PHASE_LINE.match(line) for line in text.splitlines())
    return {match.group(1): float(match.group(2)) for match in lines if match}


def _coefficients(
    measurements: Sequence[Measurement],
) -> tuple[dict[str, Coefficients], Coefficients]:
    names = sorted({name for each in measurements for name in each.by_phase})
    at = [each.at for each in measurements]
    seconds = {
        name: _non_negative(
            at,
            [each.by_phase.get(name, 0.0) for each in measurements],
            KERNEL_DRIVERS if name in KERNEL_PHASES else SECONDS_DRIVERS,
        )
        for name in names
    }
    memory = _non_negative(at, [float(each.memory) for each in measurements], MEMORY_DRIVERS)
    return seconds, memory


def _non_negative(
    at: Sequence[Mapping[str, float]], values: Sequence[float], wanted: Sequence[str]
) -> Coefficients:
    """Coefficients of largest gamma likelihood, since errors grow with what is measured.

    Least squares of relative errors would sit too low: a job can take ten times as long as
    predicted, but never less than nothing. Drivers that do not help are left out.
    """
    names = [name for name in wanted if any(row[name] > 0.0 for row in at)]
    seen = np.maximum(np.asarray(values), LEAST_SECONDS)
    design = np.array([[row[name] for name in names] for row in at])
    unit = design.mean(axis=0) / seen.mean()

    def deviance(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        predicted = np.maximum(design @ (point / unit), 1e-3 * LEAST_SECONDS)
        ratio = seen / predicted
        slope = ((1.0 - ratio) / predicted) @ design / unit
        return float((ratio + np.log(predicted)).mean()), slope / len(seen)

    start = np.full(len(names), 1.0 / len(names))
    bounds = [(0.0, None)] * len(names)
    best = scipy.optimize.minimize(deviance, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    found = zip(names, best / unit, best, strict=True)
    return {name: float(f"{value:.6g}") for name, value, share in found if share > NEGLIGIBLE}


def _left_out_ratios(measurements: Sequence[Measurement], index: int) -> tuple[float, float]:
    """Actual over predicted seconds and memory of one job by a fit to the others."""
    one = measurements[index]
    seconds, memory = _coefficients([each for i, each in enumerate(measurements) if i != index])
    predicted = sum(weighted(seconds[name], one.at) for name in one.by_phase if name in seconds)
    return one.seconds / predicted, one.memory / weighted(memory, one.at)


def _quantiles(ratios: Sequence[float]) -> dict[str, float]:
    return {"p50": float(np.median(ratios)), "p90": upper_quantile(ratios, 0.9)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
