"""``adaptnet run``: a job without a service, in this process's place."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.files import existing

EXAMPLES = """
adaptnet run job.json data.csv
adaptnet run job.json data.csv --out results/
"""

Spec = Annotated[
    Path,
    typer.Argument(callback=existing, metavar="SPEC.json", help="A job's body"),
]
Data = Annotated[Path, typer.Argument(callback=existing, help="The table to work on")]
Out = Annotated[Path, typer.Option(help="Folder for the results")]


def run(spec: Spec, data: Data, out: Out = Path("results")) -> None:
    """Run a job without any service: the same phases on the same data, in this terminal.

    SPEC.json is what POST /v1/jobs takes, for example {"kind": "train", "target": "y"}. The field
    "dataset" is not needed. Report, plots and model package end up in the folder.
    """
    program = [sys.executable, "-m", "workers.offline", str(spec), str(data), "--out", str(out)]
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ}  # as a worker's child has it
    os.execve(sys.executable, program, environment)  # noqa: S606  (no shell wanted)
