"""Train on real tables through the running service, and compare with the SGD baseline.

``python -m benchmarks.end_to_end --json -`` runs the quick suite: it starts the embedded service,
uploads each table, trains, downloads the package and verifies it. Every table is listed, losses
included. Seconds of ours are dimension, architecture, teacher and transfer; seconds of the Adam
MLP are its tuning and training. Both run in the same process on the same rows.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.client import Client
from app.embedded.servers import free_port
from benchmarks.data import CORE, QUICK, all_tables, manifest, table_path

START_SECONDS = 90
COLUMNS = (
    "table",
    "task",
    "metric",
    "ours",
    "sgd",
    "ridge",
    "ours_s",
    "sgd_s",
    "params",
    "kB",
    "d",
)


def main() -> int:
    """Run a suite and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    suites = parser.add_mutually_exclusive_group()
    suites.add_argument("--quick", action="store_true", help="four tables (the default)")
    suites.add_argument("--core", action="store_true", help="the 18 tables of the core suite")
    suites.add_argument("--all", action="store_true", help="every table")
    suites.add_argument("--tables", nargs="+", metavar="NAME", help="these tables")
    parser.add_argument("--seeds", type=int, default=1, help="splits of the validation rows")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write JSON; - is stdout")
    options = parser.parse_args()
    names = options.tables or (CORE if options.core else all_tables() if options.all else QUICK)
    with (
        tempfile.TemporaryDirectory(prefix="adaptnet-bench-") as folder,
        service(Path(folder)) as c,
    ):
        rows = [run(c, name, seed) for name in names for seed in range(options.seeds)]
    document = {"machine": machine(), "rows": rows}
    if options.json and str(options.json) != "-":
        options.json.write_text(json.dumps(document, indent=1))
    sys.stdout.write(json.dumps(document, indent=1) if options.json else text_table(rows))
    sys.stdout.write("\n")
    return 0 if all(row["status"] == "succeeded" for row in rows) else 1


def run(client: Client, name: str, seed: int) -> dict[str, Any]:
    """Train one table and say what came of it."""
    started = time.perf_counter()
    dataset = client.datasets.create(name, table_path(name)).wait()
    known = manifest()["tables"] if "tables" in manifest() else manifest()
    task = known.get(name, {}).get("task", "auto")
    target = {
        "column": "target",
        "task": task if task in ("regression", "binary", "multiclass") else "auto",
    }
    job = client.train(
        dataset, target, register_as=name, seed=seed, split={"column": "split"}
    ).wait()
    sys.stderr.write(f"{name}: {job.status} in {time.perf_counter() - started:.0f} s\n")
    row: dict[str, Any] = {"table": name, "seed": seed, "status": job.status, "error": job.error}
    if job.status != "succeeded":
        return row
    result: dict[str, Any] = job.result or {}
    model = job.model.load()
    return row | {
        "task": result["task"],
        "metric": result["metric"],
        "n_rows": result["n_rows"],
        "ours": result["test"]["network"],
        "teacher": result["test"]["teacher"],
        "sgd": result["test"]["sgd"],
        "ridge": result["test"]["ridge"],
        "ours_seconds": result["seconds"]["network"],
        "sgd_seconds": result["seconds"]["sgd"],
        "n_parameters": model.metadata["n_parameters"],
        "package_bytes": result["package_bytes"],
        "dimension": result["dimension"],
        "n_motifs": result["architecture"]["n_motifs"],
        "chosen": result["chosen"],
        "sentence": result["sentence"],
        "phase_seconds": job.report()["seconds"],
        "wall_seconds": round(time.perf_counter() - started, 2),
    }


@contextmanager
def service(folder: Path) -> Iterator[Client]:
    """The embedded service, as long as it is needed."""
    home, url = folder / "home", f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "app.cli", "up", "--home", str(home), "--port", str(port)]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / "up.log").read_text())
            time.sleep(0.2)
        with Client(url, (home / "api-key").read_text().strip()) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def text_table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = [
        "{:>16} {:>11} {:>10} {:>10} {:>10} {:>10} {:>7} {:>7} {:>8} {:>7} {:>6}".format(*COLUMNS)
    ]
    for row in rows:
        if row["status"] != "succeeded":
            lines.append(f"{row['table']:>16} {row['status']}: {row['error']}")
            continue
        lines.append(
            f"{row['table']:>16} {row['task']:>11} {row['metric']:>10} {row['ours']:>10.5g} "
            f"{row['sgd']:>10.5g} {row['ridge']:>10.5g} {row['ours_seconds']:>7.1f} "
            f"{row['sgd_seconds']:>7.1f} {row['n_parameters']:>8} "
            f"{row['package_bytes'] / 1000:>7.0f} {row['dimension']['value']:>6.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
