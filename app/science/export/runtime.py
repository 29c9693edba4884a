"""Load a model package and predict with it: numpy and the standard library, no code executed.

>>> from app.science.export import runtime           # doctest: +SKIP
>>> model = runtime.load("model.mmpkg")              # doctest: +SKIP
>>> model.predict([{"age": 41, "city": "Uji"}])      # doctest: +SKIP
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.science.encoding import apply
from app.science.encoding.encoding import Columns, Encoding, NumericColumn
from app.science.errors import InvalidNetwork, ScienceError
from app.science.evaluation import conformal
from app.science.evaluation.conformal import Conformal
from app.science.evaluation.decision import ClassWeights, decide
from app.science.export import (
    archive,
    columns,
    documents,
    encoding_check,
    golden,
    manifest,
    network_numpy,
    network_shapes,
    tensor_file,
)
from app.science.export.errors import PackageError
from app.science.relu_network import network as networks
from app.science.relu_network.network import Network, Task


@dataclass(frozen=True, slots=True)
class SelfTest:
    """How far this machine's outputs lie from the trained network's, on the golden rows."""

    passed: bool
    max_relative_difference: float
    tolerance: float
    n_rows: int


@dataclass(frozen=True)
class LoadedModel:
    """A model read from a package; every part of it was checked against the manifest."""

    network: Network
    encoding: Encoding
    target_name: str
    digest: str
    provenance: dict[str, Any]
    evidence: dict[str, Any]
    card: dict[str, Any]
    golden: golden.Golden
    conformal: Conformal

    @property
    def task(self) -> Task:
        """What the network predicts."""
        return self.network.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the probabilities; empty for a regression."""
        return self.network.classes

    @property
    def class_weights(self) -> ClassWeights:
        """Costs of mistakes by class; empty where all are alike."""
        return self.network.class_weights

    @property
    def metadata(self) -> dict[str, Any]:
        """What the model is: task, classes, target, input columns, size, digest."""
        return {
            "format": manifest.FORMAT,
            "digest": self.digest,
            "task": self.network.task,
            "target": self.target_name,
            "classes": list(self.network.classes),
            "class_weights": list(self.network.class_weights),
            "columns": list(dict.fromkeys(column.name for column in self.encoding.columns)),
            "n_parameters": self.network.n_parameters,
            "depth": self.network.depth,
        }

    def predict(self, rows: columns.Rows) -> NDArray[Any]:
        """Predictions (n,) in the target's unit, or the class of each row.

        That is the most probable class, or with class weights the one of least expected cost.

        Parameters
        ----------
        rows : a mapping of columns, a list of dicts or a data frame

        Raises
        ------
        InvalidRows
            A column is missing, or a cell is no number, date or time where one is wanted.
        """
        outputs = self._outputs(*columns.read(self.encoding, rows))
        if self.network.task == "regression":
            return np.asarray(outputs[:, 0])
        labels: NDArray[np.str_] = np.array(self.network.classes)
        probabilities = network_numpy.softmax(outputs)
        return np.asarray(labels[decide(probabilities, self.network.class_weights)])

    def predict_proba(self, rows: columns.Rows) -> NDArray[np.float64]:
        """Probabilities (n, c) in the order of ``metadata["classes"]``; see ``predict``."""
        if self.network.task == "regression":
            raise ScienceError("a regression model has no class probabilities; use predict")
        outputs = self._outputs(*columns.read(self.encoding, rows))
        return network_numpy.softmax(outputs)

    def predict_interval(self, rows: columns.Rows, level: float = 0.9) -> NDArray[np.float64]:
        """Lower and upper ends (n, 2) that hold the truth of a share ``level`` of such rows.

        Raises
        ------
        NotCalibrated
            ``level`` is no whole percent from 0.5 to 0.99, or the model has none so high.
        ScienceError
            The model is a classification; use ``predict_set``.
        """
        outputs = self._outputs(*columns.read(self.encoding, rows))
        return self.conformal.interval(outputs[:, 0], level)

    def predict_set(self, rows: columns.Rows, level: float = 0.9) -> list[list[str]]:
        """The classes of each row that hold its true one in a share ``level`` of such rows.

        Raises as ``predict_interval``.
        """
        members = self.conformal.members(self.predict_proba(rows), level)
        return conformal.named(members, self.network.classes)

    def self_test(self) -> SelfTest:
        """Run the golden rows again and compare with the outputs in the package."""
        outputs = self._outputs(self.golden.columns, self.golden.n_rows)
        if self.network.task != "regression":
            outputs = network_numpy.softmax(outputs)
        difference = golden.relative_difference(outputs, self.golden.output)
        tolerance = self.golden.tolerance
        return SelfTest(difference <= tolerance, difference, tolerance, self.golden.n_rows)

    def _outputs(self, table: Columns, n_rows: int) -> NDArray[np.float64]:
        """The network's outputs, (n, c)."""
        step = network_numpy.block_rows(self.network)
        outputs = np.empty((n_rows, max(len(self.network.classes), 1)))
        for start in range(0, n_rows, step):
            block = columns.part(table, start, start + step)
            x = apply.transform(self.encoding, block)  # (b, p)
            outputs[start : start + step] = network_numpy.evaluate(self.network, x)
        return outputs


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a verification."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What ``verify`` found; ``checks`` ends at the first part that cannot be read."""

    format: str
    digest: str
    size_bytes: int
    hashes_passed: bool
    self_test: SelfTest | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def load(source: str | Path | bytes) -> LoadedModel:
    """Read a package from a file or from bytes.

    Raises
    ------
    PackageError
        The file is damaged, changed, of an unknown version, or not a package at all.
    """
    files = archive.read(read_bytes(source))
    return _parse(files, manifest.check(files))


def verify(source: str | Path | bytes) -> VerifyReport:
    """Check a package: container and hashes, contents, self-test.

    A bad package is a report, not an exception; only a file that cannot be opened raises OSError.
    """
    return report_on(source, manifest.FORMAT, _parse)


class Verifiable(Protocol):
    """A model as a verification sees it."""

    @property
    def metadata(self) -> dict[str, Any]:
        """With ``n_parameters``."""

    def self_test(self) -> SelfTest:
        """Golden rows again."""


def report_on(
    source: str | Path | bytes,
    form: str,
    parse: Callable[[dict[str, bytes], manifest.Manifest], Verifiable],
) -> VerifyReport:
    """What ``verify`` does, for packages of any format."""
    checks: list[Check] = []
    digest, size, test = "", 0, None
    try:
        data = read_bytes(source)
        size = len(data)
        files = archive.read(data)
        found = manifest.check(files, form)
        digest = found.digest
        checks.append(Check("hashes", passed=True, detail=f"{len(files)} files are intact"))
        model = parse(files, found)
        detail = f"{model.metadata['n_parameters']} numbers"
        checks.append(Check("contents", passed=True, detail=detail))
        test = model.self_test()
        checks.append(Check("self_test", test.passed, _sentence(test)))
    except PackageError as error:
        checks.append(Check("contents" if checks else "hashes", passed=False, detail=str(error)))
    return VerifyReport(
        format=form if checks[0].passed else "unknown",
        digest=digest,
        size_bytes=size,
        hashes_passed=checks[0].passed,
        self_test=test,
        checks=tuple(checks),
    )


def is_media(source: str | Path | bytes) -> bool:
    """Whether a package says that ``media_runtime`` reads it; a damaged one says nothing."""
    try:
        return manifest.form_of(archive.read(read_bytes(source))) == manifest.MEDIA_FORMAT
    except PackageError:
        return False


def _sentence(test: SelfTest) -> str:
    found, allowed = test.max_relative_difference, test.tolerance
    return f"relative difference {found:.3g} on {test.n_rows} rows, allowed is {allowed:.3g}"


def read_bytes(source: str | Path | bytes) -> bytes:
    """A package's bytes, not parsed."""
    if isinstance(source, bytes):
        return source
    path = Path(source)
    size = path.stat().st_size
    if size > archive.MAX_BYTES:
        raise PackageError("package", f"{size} bytes, the limit is {archive.MAX_BYTES}")
    return path.read_bytes()


def _parse(files: dict[str, bytes], found: manifest.Manifest) -> LoadedModel:
    json_of = dict(_documents(files))
    tensors = tensor_file.read("weights.safetensors", files["weights.safetensors"])
    encoding = encoding_check.parse("preprocess.json", json_of["preprocess.json"], tensors)
    network = _network(json_of["architecture.json"], tensors, encoding)
    rows = golden.parse(
        json_of["selftest.json"],
        tensor_file.read("selftest.safetensors", files["selftest.safetensors"]),
    )
    wanted = {column.name: isinstance(column, NumericColumn) for column in encoding.columns}
    if {name: v.dtype == np.float64 for name, v in rows.columns.items()} != wanted:
        raise PackageError("selftest.json", "does not hold the columns of preprocess.json")
    return LoadedModel(
        network=network,
        encoding=encoding,
        target_name=found.target_name,
        digest=found.digest,
        provenance=json_of["provenance.json"],
        evidence=json_of["evidence.json"],
        card=json_of["card.json"],
        golden=rows,
        conformal=conformal_of(json_of["evidence.json"], network.task),
    )


def _documents(files: dict[str, bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in manifest.PARTS:
        if name.endswith(".json"):
            yield name, documents.read(name, files[name])


def conformal_of(evidence: dict[str, Any], task: Task) -> Conformal:
    """What intervals and sets are made from, of an untrusted package."""
    document = evidence.get("conformal")
    if document is None:
        return conformal.uncalibrated(task)
    if not isinstance(document, dict):
        raise PackageError("evidence.json", "conformal is malformed")
    try:
        return conformal.from_json(document, task)
    except ScienceError as error:
        raise PackageError("evidence.json", f"conformal: {error}") from None


def _network(graph: dict[str, Any], tensors: dict[str, Any], encoding: Encoding) -> Network:
    tables = set(encoding.tensors())
    used = {name: tensor for name, tensor in tensors.items() if name not in tables}
    try:
        network = networks.from_json(graph, used)
        width = network_shapes.widths(network)[networks.INPUT]
    except InvalidNetwork as error:
        raise PackageError("architecture.json", str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PackageError("architecture.json", f"is malformed: {error!r:.80}") from None
    if not all(isinstance(name, str) for name in network.classes):
        raise PackageError("architecture.json", "classes are text")
    if width != encoding.width:
        problem = f"{width} inputs, but preprocess.json makes {encoding.width}"
        raise PackageError("architecture.json", problem)
    return network
