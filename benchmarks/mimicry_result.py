"""What a competitor hands back, and how results are kept between runs.

One JSON file a table, seed, competitor and configuration, so that a run can be cut and go on.
"""

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from app.science.registry import FolderRegistry
from app.science.relu_network.network import Network
from benchmarks.mimicry_tables import BenchmarkProblem, Floats

Document = dict[str, Any]
Curve = tuple[tuple[float, float], ...]
"""Seconds since the start of a training run, and its validation loss."""


class NotRun(Exception):
    """A competitor that does not take this table, and why; a result like any other."""


@dataclass(frozen=True)
class Outcome:
    """What one run gave.

    prediction : (n,) or (n, classes), of the test rows; validation_loss : rmse in standard
    deviations, or log loss; seconds : of the run that made the prediction, choices between
    candidates left out; network, onnx : what serving runs, where there is one
    """

    prediction: Floats
    validation_loss: float
    seconds: float
    settings: Mapping[str, Any]
    n_parameters: int | None = None
    curve: Curve = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    network: Network | None = None
    onnx: bytes | None = None


class Cache:
    """JSON documents, and ONNX files beside them, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, problem: BenchmarkProblem, name: str, configuration: Mapping[str, Any]) -> Path:
        """Where the result of a configuration on a problem lies."""
        key = {"configuration": configuration, "split": problem.split_digest}
        return self.named(f"{problem.name}-{problem.seed}-{name}", key)

    def named(self, stem: str, key: Mapping[str, Any]) -> Path:
        """A file of this folder whose name changes with ``key``."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / f"{stem}-{digest}.json"

    def read(self, path: Path) -> Document | None:
        """The document, or None where there is none."""
        if not path.exists():
            return None
        document: Document = json.loads(path.read_text())
        return document

    def write(self, path: Path, document: Document, onnx: bytes | None = None) -> None:
        """Write so that a cut leaves the old file or the new one."""
        if onnx is not None:
            _replace(path.with_suffix(".onnx"), onnx)
        _replace(path, json.dumps(document, indent=1).encode())


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(f"{path.suffix}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


class Competitor(Protocol):
    """One way to learn a table.

    needs_time : its cached results count only if they were timed, and on the encoding of today;
        the others take so long that errors of an earlier run have to do
    """

    needs_time: ClassVar[bool]

    def configuration(self) -> Mapping[str, Any]:
        """Everything that decides the result besides the problem, as JSON."""
        ...

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:
        """Learn from training and validation rows, predict the test rows, or raise ``NotRun``."""
        ...


COMPETITORS: FolderRegistry[type[Competitor]] = FolderRegistry("benchmarks.mimicry_competitors")


def document(problem: BenchmarkProblem, outcome: Outcome) -> Document:
    """Plain JSON; metrics are those of the test rows."""
    return {
        "status": "ran",
        "metrics": problem.metrics(outcome.prediction),
        "validation_loss": outcome.validation_loss,
        "seconds": outcome.seconds,
        "n_parameters": outcome.n_parameters,
        "settings": dict(outcome.settings),
        "curve": [list(point) for point in outcome.curve],
        "details": dict(outcome.details),
        "encoding": problem.encoding_digest,
    }


def say(text: str) -> None:
    """Progress on stderr."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()
