"""Prove a package before it is handed out: three evaluations of the golden rows must agree.

The reference is the trained network in float64. Against it stand the package read back in numpy,
and its ONNX file run by onnxruntime.
"""

from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from app.science.export import (
    archive,
    golden,
    network_numpy,
    onnx_answer,
    onnx_encoding,
    runtime,
)
from app.science.export import reference as references
from app.science.export.errors import SelfTestFailed
from app.science.export.package_writer import package_bytes
from app.science.export.trained_model import TrainedModel
from app.science.relu_network.network import INPUT, Network


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """Largest differences from the network in float64; see ``golden.relative_difference``.

    ``precision`` : type of the stored weights, but for the last layer's.
    """

    onnx_difference: float
    numpy_difference: float
    tolerance: float
    n_rows: int
    precision: str


def check(
    model: TrainedModel, package: bytes, outputs: NDArray[np.float64] | None = None
) -> SelfTestResult:
    """Compare a package with the model it was made from, on the golden rows.

    Parameters
    ----------
    outputs : ``reference.outputs`` of the model, if they are known

    Raises
    ------
    SelfTestFailed
        ONNX or numpy differ from the network by more than the tolerance.
    PackageError
        The package cannot even be read back.
    """
    loaded = runtime.load(package)
    reference = references.outputs(model) if outputs is None else outputs
    with np.errstate(all="ignore"):
        by_onnx = _run_onnx(model, archive.read(package)["model.onnx"])
    in_numpy = _run_numpy(model, loaded)
    differences = {
        "onnx": golden.relative_difference(by_onnx, reference),
        "numpy": golden.relative_difference(in_numpy, reference),
        "stored": golden.relative_difference(loaded.golden.output, reference),
    }
    n_rows, tolerance = len(reference), golden.TOLERANCE
    if max(differences.values()) > tolerance:
        raise SelfTestFailed(differences=differences, tolerance=tolerance, n_rows=n_rows)
    return SelfTestResult(
        onnx_difference=differences["onnx"],
        numpy_difference=differences["numpy"],
        tolerance=tolerance,
        n_rows=n_rows,
        precision=network_numpy.precision(loaded.network),
    )


def proved_package(model: TrainedModel) -> tuple[bytes, SelfTestResult]:
    """A package that passed its self-test: in float32, or in float64 where float32 does not do.

    Trees that read a computed value make it float64 at once: their output jumps where float32 moves
    that value across a threshold, which may be on rows that are not among the golden ones.

    Raises
    ------
    SelfTestFailed
        Not even float64 weights reproduce the network.
    """
    outputs = references.outputs(model)
    if not _trees_read_computed(model.network):
        package = package_bytes(model, np.float32, outputs)
        try:
            return package, check(model, package, outputs)
        except SelfTestFailed:
            pass
    package = package_bytes(model, np.float64, outputs)
    return package, check(model, package, outputs)


def _trees_read_computed(network: Network) -> bool:
    return any(node.op == "trees" and node.inputs != (INPUT,) for node in network.nodes)


def _run_numpy(model: TrainedModel, loaded: runtime.LoadedModel) -> NDArray[np.float64]:
    if model.network.task == "regression":
        return np.asarray(loaded.predict(model.golden_columns), dtype=np.float64)[:, None]
    return loaded.predict_proba(model.golden_columns)


def _run_onnx(model: TrainedModel, graph: bytes) -> NDArray[np.float64]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = onnx_encoding.input_names(model.encoding, onnx_answer.RESERVED)
    feed = {names[column]: onnx_input(values) for column, values in model.golden_columns.items()}
    if model.network.task == "regression":
        (prediction,) = session.run(["prediction"], feed)
        return np.asarray(prediction, dtype=np.float64)[:, None]
    (probabilities,) = session.run(["probabilities"], feed)
    return np.asarray(probabilities, dtype=np.float64)


def onnx_input(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """A column (n,) as the ONNX file wants it: (n, 1), missing levels as empty texts."""
    if values.dtype != np.object_:
        return values[:, None]
    texts = np.array(["" if value is None else value for value in values], dtype=object)
    return texts[:, None]
