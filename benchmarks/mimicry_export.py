"""Networks as ONNX files with their encoding, and what ONNX Runtime answers."""

from typing import Any

import numpy as np
import onnxruntime as ort

from app.science.encoding.encoding import CategoricalColumn, Columns, Encoding
from app.science.export import (
    network_numpy,
    onnx_answer,
    onnx_encoding,
    onnx_graph,
    trained_model,
)
from app.science.export.self_test import onnx_input
from app.science.relu_network.network import Network, Task
from benchmarks.mimicry_tables import Floats

Feed = dict[str, Any]


def onnx_bytes(network: Network, encoding: Encoding) -> bytes:
    """The ONNX file of a package: encoding and network, weights in float32."""
    stored = network_numpy.stored(network, np.float32)
    return onnx_graph.build(stored, trained_model.finite(encoding))


def session(onnx: bytes, threads: int) -> ort.InferenceSession:
    """A session on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def feed(encoding: Encoding, columns: Columns, rows: slice = slice(None)) -> Feed:
    """Table rows as the file's inputs."""
    names = onnx_encoding.input_names(encoding, onnx_answer.RESERVED)
    found = {}
    for column in encoding.columns:
        values = columns[column.name][rows]
        if not isinstance(column, CategoricalColumn):
            values = np.asarray(values, dtype=np.float64)
        found[names[column.name]] = onnx_input(values)
    return found


def answer(model: ort.InferenceSession, inputs: Feed, task: Task) -> Floats:
    """(n,) predictions or (n, classes) probabilities."""
    output = "prediction" if task == "regression" else "probabilities"
    return np.asarray(model.run([output], inputs)[0], dtype=np.float64)
