"""What a modality has to say, so that one text of phases serves all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from app.domain.features import media_columns
from app.domain.kinds.train import TrainSpec
from app.science.images.extractor import Extractor
from app.science.linalg import Floats
from app.science.registry import FolderRegistry
from app.science.relu_network.network import Task
from app.science.structure.invariance.layout import Layout
from app.tables import extractor
from app.tables.media import EXTRACTOR_FILE
from workers.context import Context

Inputs = NDArray[Any]
"""(n, ...), one row of the dataset each, as the network reads it; may lie in a file."""
Rows = NDArray[np.int64]
Transform = Callable[[Inputs], Inputs]
MOST_MEMORY = 4 << 30
"""For features and their Gram matrix."""


@dataclass(frozen=True)
class Training:
    """What a model is fitted on, and within which means.

    y : (n,), numbers or class codes; memory_bytes : for everything that is held at once;
    seconds : that the fit may take, as far as it can tell; device : ``cpu`` or ``cuda``; folder :
    of this attempt, for files; extractor : of features, which the dataset brings
    """

    inputs: Inputs
    y: NDArray[Any]
    task: Task
    classes: tuple[str, ...]
    memory_bytes: int
    seconds: float
    seed: int
    device: str
    folder: Path
    extractor: Extractor | None = None


@dataclass(frozen=True)
class Trained:
    """A fitted network.

    onnx : the whole network as a file; outputs : the reference that the file must reproduce, (n,)
    or (n, c) probabilities; symmetries : changes of the inputs that must change no output, with
    the tolerance; said : how it was made, in sentences
    """

    onnx: bytes
    outputs: Callable[[Inputs], Floats]
    symmetries: Mapping[str, tuple[Transform, float]]
    facts: Mapping[str, Any]
    said: tuple[str, ...]


class Modality(Protocol):
    """One kind of features that is no table."""

    @property
    def rival(self) -> str:
        """What users would train, by its name in ``app.science.baselines.networks``."""
        ...

    def reading(self, profile: Mapping[str, Any], *, extracted: bool = False) -> dict[str, Any]:
        """How a cell becomes an input, from the profile of its column; plain JSON.

        Parameters
        ----------
        extracted : the dataset brings an extractor of features
        """
        ...

    def load(
        self, folder: Path, column: str, reading: Mapping[str, Any], rows: Rows, path: Path
    ) -> None:
        """Write the inputs of ascending ``rows``, in blocks, to a file that ``numpy.load`` maps."""
        ...

    def vectors(self, inputs: Inputs, most: int) -> Floats:
        """(n, p) numbers, p at most ``most``: for a linear model, and for distances."""
        ...

    def study(self, inputs: Inputs, seed: int) -> tuple[Floats, Layout]:
        """(n, p) smaller rows, and what their columns stand for, for the test of invariances."""
        ...

    def plan(self, training: Training, accepted: Mapping[str, list[str]]) -> dict[str, Any]:
        """The network to fit: ``plan`` and ``evidence``, as in ``architecture.json``.

        Parameters
        ----------
        accepted : changes under which the target stays as it is, by their group
        """
        ...

    def symmetries(self, plan: Mapping[str, Any]) -> dict[str, bool]:
        """Changes that the planned network does not see, as ``MediaProblem`` calls them."""
        ...

    def fit(self, training: Training, plan: Mapping[str, Any]) -> Trained:
        """Fit the planned network."""
        ...

    def draw(self, axes: Axes, one: Inputs) -> None:
        """One input, small, for people."""
        ...


def decided(decision: str, value: object, rule: str, source: str) -> dict[str, Any]:
    """One entry of ``evidence`` in ``architecture.json``."""
    return {
        "decision": decision,
        "value": value,
        "rule": rule,
        "source": source,
        "alternatives": [],
        "confidence": "medium",
        "decided_by": "rule",
    }


MODALITIES: FolderRegistry[Modality] = FolderRegistry("workers.media.modalities")


@dataclass(frozen=True)
class Medium:
    """The column that a job reads, and how."""

    kind: str
    column: str
    modality: Modality
    reading: Mapping[str, Any]


def medium(context: Context) -> Medium:
    """The job's column of images or point sets."""
    (column,) = media_columns(context.spec, context.job["dataset"]["columns"])
    modality = MODALITIES.get(column["type"])
    (profile,) = (
        c for c in context.job["dataset"]["profile"]["columns"] if c["name"] == column["name"]
    )
    extracted = (context.inputs / EXTRACTOR_FILE).exists()
    reading = modality.reading(profile, extracted=extracted)
    return Medium(column["type"], column["name"], modality, reading)


def rows_of(context: Context, part: str) -> Rows:
    """Rows of the dataset: ``fit`` (training and validation), ``calibration``, ``test``, ``all``.

    ``all`` is for jobs that hold nothing out.
    """
    if part == "all":
        return context.read_arrays("materialize", "rows.safetensors")["rows"]
    rows = context.read_arrays("split", "rows.safetensors")
    if part != "fit":
        return rows[part]
    return np.sort(np.concatenate([rows["train"], rows["validation"]]))


def targets_of(context: Context, part: str) -> NDArray[Any]:
    """(n,), numbers or class codes of ``rows_of``."""
    kept = context.read_arrays("materialize", "rows.safetensors")
    found: NDArray[Any] = kept["target"][np.searchsorted(kept["rows"], rows_of(context, part))]
    return found


def open_part(context: Context) -> str:
    """The rows that may be looked at before a model exists."""
    return "fit" if isinstance(context.spec, TrainSpec) else "all"


def inputs_of(context: Context, part: str) -> Inputs:
    """The inputs of ``rows_of``, mapped from a file of this attempt that is made once."""
    path = context.root / "media" / f"{part}.npy"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        found = medium(context)
        rows = rows_of(context, part)
        found.modality.load(context.inputs, found.column, found.reading, rows, path)
    # Not read-only, of which torch warns; nor private, which would count as memory.
    inputs: Inputs = np.load(path, mmap_mode="r+")
    return inputs


def training_of(context: Context) -> Training:
    """What the job's model is fitted on. It may use half of the job's memory and time at most."""
    selection = context.read_json("materialize", "selection.json")
    return Training(
        inputs=inputs_of(context, "fit"),
        y=targets_of(context, "fit"),
        task=selection["task"],
        classes=tuple(selection["classes"]),
        memory_bytes=min(MOST_MEMORY, int(context.job.get("memory_bytes", 2 * MOST_MEMORY)) // 2),
        seconds=context.spec.compute.max_wall_seconds / 2,
        seed=context.seed,
        device=context.device,
        folder=context.root / "media",
        extractor=extractor.load(context.inputs),
    )
