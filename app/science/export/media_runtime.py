"""Load a model of images or point sets from its package and predict: numpy, ONNX Runtime, Pillow.

>>> from app.science.export import media_runtime                # doctest: +SKIP
>>> model = media_runtime.load("digits-label-1.mmpkg")          # doctest: +SKIP
>>> model.predict(["four.png", "seven.png"])                    # doctest: +SKIP
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from app.science.errors import ScienceError
from app.science.evaluation import conformal
from app.science.evaluation.conformal import Conformal
from app.science.evaluation.decision import ClassWeights
from app.science.export import archive, documents, golden, manifest, media_input, tensor_file
from app.science.export.errors import InvalidRows, PackageError
from app.science.export.media_input import Inputs
from app.science.export.runtime import (
    SelfTest,
    VerifyReport,
    conformal_of,
    read_bytes,
    report_on,
)
from app.science.relu_network.network import Task

PREPROCESS = "adaptnet-media/1"
SELF_TEST = "adaptnet-media-selftest/1"
TASKS = ("regression", "binary", "multiclass")
BATCH_NUMBERS = 2**15
"""Of inputs that pass through the network together: its maps take some 8 kB each."""
BATCH_PAIRS = 2**22
"""Of points of a set: all pairs of them are looked at."""
LOGS_ERRORS_ONLY = 3
WARM_UP, RUNS = 5, 30

Floats = NDArray[np.float64]


class Session:
    """An ONNX file of one input, run in batches so that memory does not grow with the rows."""

    def __init__(self, data: bytes, task: Task, threads: int = 0) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads  # 0: as many as there are cores
        options.log_severity_level = LOGS_ERRORS_ONLY
        with _refused():
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            self._name = self._session.get_inputs()[0].name
        self._answer = "prediction" if task == "regression" else "probabilities"

    def outputs(self, inputs: Inputs, progress: Callable[[float], None] | None = None) -> Floats:
        """(n,) predictions or (n, c) probabilities of inputs (n, ...).

        Raises ``PackageError`` where the file cannot be run, or gives NaN.
        """
        step = batch_size(inputs)
        found = []
        for start in range(0, len(inputs), step):
            batch = np.ascontiguousarray(inputs[start : start + step])
            found.append(self._run(batch))
            if not np.isfinite(found[-1]).all():
                problem = f"gives NaN for one of the inputs {start} to {start + len(batch) - 1}"
                raise PackageError("model.onnx", problem)
            if progress is not None:
                progress(min(1.0, (start + step) / len(inputs)))
        return np.concatenate(found).astype(np.float64) if found else np.empty(0)

    def _run(self, batch: Inputs) -> NDArray[Any]:
        with _refused():
            found: NDArray[Any] = self._session.run([self._answer], {self._name: batch})[0]
        return found

    def single_row_ms(self, inputs: Inputs) -> float:
        """Median over repeated runs of the first input, in milliseconds."""
        one, seconds = np.ascontiguousarray(inputs[:1]), []
        for _ in range(WARM_UP + RUNS):
            start = time.perf_counter()
            self._run(one)
            seconds.append(time.perf_counter() - start)
        return 1e3 * float(np.median(seconds[WARM_UP:]))


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """A file of an untrusted package may be any graph, and the runtime's errors have no family."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (see above)
        raise PackageError("model.onnx", f"cannot be run: {error!s:.200}") from None


def batch_size(inputs: Inputs) -> int:
    """Rows of inputs (n, ...) to run at once."""
    fitting = BATCH_NUMBERS // math.prod(inputs.shape[1:])
    if inputs.ndim == 3:
        fitting = min(fitting, BATCH_PAIRS // int(inputs.shape[1]) ** 2)
    return max(1, fitting)


@dataclass(frozen=True)
class Golden:
    """Inputs and what the model says of them, (n, 1) or (n, c)."""

    inputs: Inputs
    output: Floats
    tolerance: float


@dataclass(frozen=True)
class MediaModel:
    """A model read from a package; every part of it was checked against the manifest.

    kind : ``image`` or ``points``; reading : what an input looks like; column : of the dataset
    that it was trained on
    """

    kind: str
    reading: dict[str, Any]
    column: str
    task: Task
    classes: tuple[str, ...]
    target_name: str
    digest: str
    n_parameters: int
    depth: int
    provenance: dict[str, Any]
    evidence: dict[str, Any]
    card: dict[str, Any]
    golden: Golden
    conformal: Conformal
    session: Session

    @property
    def class_weights(self) -> ClassWeights:
        """Of models of tables only."""
        return ()

    @property
    def metadata(self) -> dict[str, Any]:
        """What the model is: task, classes, target, input, size, digest."""
        return {
            "format": manifest.MEDIA_FORMAT,
            "digest": self.digest,
            "task": self.task,
            "target": self.target_name,
            "classes": list(self.classes),
            "columns": [self.column],
            "kind": self.kind,
            "reading": dict(self.reading),
            "n_parameters": self.n_parameters,
            "depth": self.depth,
        }

    def predict(self, items: Iterable[Any]) -> NDArray[Any]:
        """Predictions (n,) in the target's unit, or the most probable class of each item.

        Parameters
        ----------
        items : files, bytes or pixels of images, or point sets; see ``media_input``

        Raises
        ------
        InvalidRows
            An item is no image, or a point set of other columns.
        """
        outputs = self._outputs(items)
        if self.task == "regression":
            return outputs
        labels: NDArray[np.str_] = np.array(self.classes)
        return np.asarray(labels[outputs.argmax(axis=1)])

    def predict_proba(self, items: Iterable[Any]) -> Floats:
        """Probabilities (n, c) in the order of ``classes``; see ``predict``."""
        if self.task == "regression":
            raise ScienceError("a regression model has no class probabilities; use predict")
        return self._outputs(items)

    def predict_interval(self, items: Iterable[Any], level: float = 0.9) -> Floats:
        """Lower and upper ends (n, 2) that hold the truth of a share ``level`` of such items.

        Raises ``NotCalibrated`` where the model has no interval at this level.
        """
        return self.conformal.interval(self.predict(items), level)

    def predict_set(self, items: Iterable[Any], level: float = 0.9) -> list[list[str]]:
        """The classes of each item that hold its true one in a share ``level`` of such items.

        Raises ``NotCalibrated`` where the model has no sets at this level.
        """
        members = self.conformal.members(self.predict_proba(items), level)
        return conformal.named(members, self.classes)

    def self_test(self) -> SelfTest:
        """Run the golden inputs again and compare with the outputs in the package."""
        outputs = self.session.outputs(self.golden.inputs)
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        difference = golden.relative_difference(outputs, self.golden.output)
        tolerance = self.golden.tolerance
        return SelfTest(difference <= tolerance, difference, tolerance, len(outputs))

    def _outputs(self, items: Iterable[Any]) -> Floats:
        inputs = media_input.READERS[self.kind](self.reading, items)
        if not len(inputs):
            raise InvalidRows("there is nothing to predict: no image and no point set was given")
        return self.session.outputs(inputs)


def load(source: str | Path | bytes) -> MediaModel:
    """Read a package from a file or from bytes.

    Raises
    ------
    PackageError
        The file is damaged, changed, of an unknown version, or not a package of such a model.
    """
    files = archive.read(read_bytes(source))
    return _parse(files, manifest.check(files, manifest.MEDIA_FORMAT))


def verify(source: str | Path | bytes) -> VerifyReport:
    """As ``runtime.verify``."""
    return report_on(source, manifest.MEDIA_FORMAT, _parse)


def _parse(files: dict[str, bytes], found: manifest.Manifest) -> MediaModel:
    names = [name for name in manifest.MEDIA_PARTS if name.endswith(".json")]
    json_of = {name: documents.read(name, files[name]) for name in names}
    about = json_of["preprocess.json"]
    if about.get("format") != PREPROCESS or about.get("task") not in TASKS:
        raise PackageError("preprocess.json", f"is no {PREPROCESS}")
    try:
        kind, task, reading = str(about["kind"]), about["task"], dict(about["reading"])
        classes = tuple(map(str, about["classes"]))
        sizes = {name: int(about[name]) for name in ("n_parameters", "depth")}
        column = str(about["column"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise PackageError("preprocess.json", "is malformed") from None
    media_input.check(kind, reading)
    return MediaModel(
        kind=kind,
        reading=reading,
        column=column,
        task=task,
        classes=classes,
        target_name=found.target_name,
        digest=found.digest,
        **sizes,
        provenance=json_of["provenance.json"],
        evidence=json_of["evidence.json"],
        card=json_of["card.json"],
        golden=_golden(json_of["selftest.json"], files, max(1, len(classes))),
        conformal=conformal_of(json_of["evidence.json"], task),
        session=Session(files["model.onnx"], task),
    )


def _golden(document: dict[str, Any], files: dict[str, bytes], width: int) -> Golden:
    part = "selftest.json"
    tensors = tensor_file.read("selftest.safetensors", files["selftest.safetensors"])
    tolerance = document.get("tolerance")
    if document.get("format") != SELF_TEST or not {"input", "output"} <= set(tensors):
        raise PackageError(part, f"is no {SELF_TEST}")
    if type(tolerance) is not float or not 0 < tolerance <= 1e-3:
        raise PackageError(part, f"a tolerance of {tolerance!r:.40} proves nothing")
    inputs, output = tensors["input"], tensors["output"]
    if output.ndim != 2 or output.shape != (len(inputs), width) or not len(inputs):
        raise PackageError(part, "inputs and outputs do not fit together")
    if "padded" in tensors:
        padded = tensors["padded"] != 0
        if padded.shape != inputs.shape[:2]:
            raise PackageError(part, "inputs and their padding do not fit together")
        inputs = inputs.copy()
        inputs[padded] = np.nan
    return Golden(inputs, output.astype(np.float64), tolerance)
