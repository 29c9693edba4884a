"""The same job without a server: ``python -m workers.offline SPEC DATA --out DIR``.

The phases are the very ones that a worker runs, in this process, with files in a folder.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.domain.catalog import KINDS, AnyJobSpec
from app.domain.datasets import DatasetStatus, DatasetVersion
from app.domain.errors import ServiceError
from app.domain.kind import JobSpec
from app.domain.kinds.ingest import IngestSpec
from app.science.errors import ScienceError
from app.services import specs
from app.storage import checksums
from app.tables.problem import InvalidTable
from workers.child import run_phases
from workers.context import Context
from workers.messages import Kind

MAX_PROBLEMS_SHOWN = 20


class Bar:
    """A voice for the phases: a progress bar, and a line for each finished phase."""

    def __init__(self, progress: Progress, n_phases: int) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=n_phases)
        self._done = 0

    def say(self, kind: Kind, data: dict[str, Any]) -> None:
        """Show one message."""
        if kind == "phase_started":
            self._progress.update(self._task, description=str(data["phase"]))
        elif kind == "progress":
            self._progress.update(self._task, completed=self._done + float(data["fraction"]))
        elif kind == "phase_completed":
            self._done += 1
            self._progress.update(self._task, completed=self._done)
            self._progress.console.print(f"{data['phase']:>14}  {data['seconds']:7.2f} s")


def main(arguments: list[str]) -> int:
    """Run one job; the exit status is 0 if it succeeded, 1 if the input was at fault."""
    parser = argparse.ArgumentParser(prog="adaptnet run", description=__doc__)
    parser.add_argument("spec", type=Path, help="a job's body as JSON, as for POST /v1/jobs")
    parser.add_argument(
        "data", type=Path, help="CSV, TSV, JSONL, Parquet, NPZ, NPY or ZIP of images"
    )
    parser.add_argument("--out", type=Path, default=Path("adaptnet-run"), help="result folder")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    try:
        body = json.loads(options.spec.read_text())
        spec = TypeAdapter(AnyJobSpec).validate_python({"dataset": options.data.stem, **body})
        result = run(spec, options.data, options.out, console)
    except InvalidTable as error:
        for problem in error.problems[:MAX_PROBLEMS_SHOWN]:
            console.print(f"[red]{problem.code}[/] {problem.message} {problem.remedy}")
        return 1
    except ServiceError as error:
        console.print(f"[red]{error.code}[/] {error}. {error.remedy or ''}")
        return 1
    except (OSError, json.JSONDecodeError, ValidationError, ScienceError) as error:
        console.print(f"[red]{type(error).__name__}[/] {error}")
        return 1
    console.print_json(data=result)
    console.print(f"files in {options.out}")
    return 0


def run(spec: JobSpec, data: Path, out: Path, console: Console) -> dict[str, Any]:
    """Parse the file, run the job's phases, copy what is for people to ``out``."""
    with tempfile.TemporaryDirectory(prefix="adaptnet-run-") as folder:
        columns = (
            TextColumn("{task.description:>14}"), BarColumn(), TimeElapsedColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console) as progress:
            root = Path(folder)
            dataset = _ingest(root, data, progress)
            specs.check(spec, dataset)
            result = _run_job(root, spec, dataset, progress)
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(root.glob("job/phases/*/public/*")):
            shutil.copy2(path, out / path.name)
        (out / "result.json").write_text(json.dumps(result, indent=2))
    return result


def _ingest(root: Path, data: Path, progress: Progress) -> DatasetVersion:
    found: dict[str, Any] = {
        "filename": data.name,
        "size_bytes": data.stat().st_size,
        "sha256": checksums.of_file(data),
        "corrections": {},
    }
    job = {"dataset": found, "device": "cpu", "phases": ["ingest"]}
    place = root / "ingest"
    (place / "inputs").mkdir(parents=True)
    shutil.copy(data, place / "inputs" / "raw")
    context = Context(place, IngestSpec(dataset="local"), job, Bar(progress, 1))
    result = run_phases(context, ["ingest"], set())
    filled = {"version": 1, "name": data.stem, "status": DatasetStatus.READY, "files": {}}
    fields = dict.fromkeys(DatasetVersion.__dataclass_fields__)
    return DatasetVersion(**{**fields, **found, **filled, **result})


def _run_job(
    root: Path, spec: JobSpec, dataset: DatasetVersion, progress: Progress
) -> dict[str, Any]:
    place = root / "job"
    shutil.copytree(root / "ingest" / "phases" / "ingest", place / "inputs")
    phases = list(KINDS[spec.kind].phases)
    described = {name: getattr(dataset, name) for name in DatasetVersion.__dataclass_fields__}
    job = {
        "dataset": described,
        "device": "cpu",
        "phases": phases,
        "spec": spec.model_dump(mode="json"),
        "spec_hash": spec.fingerprint(),
    }
    return run_phases(Context(place, spec, job, Bar(progress, len(phases))), phases, set())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
