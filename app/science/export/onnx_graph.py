"""A trained model as one ONNX file, preprocessing included.

Inputs: one a column, (N, 1), see ``onnx_encoding``. Outputs: ``prediction`` (N,) in double for
a regression; ``label`` (N,) and ``probabilities`` (N, c) for classes. N is free.
"""

import json

import numpy as np
import onnx
from onnx import helper

from app.science.encoding.encoding import Encoding
from app.science.export.onnx_builder import (
    DOUBLE,
    FLOAT,
    INT64,
    ML_OPSET,
    OPSET,
    STRING,
    GraphBuilder,
    Value,
)
from app.science.export.onnx_encoding import add_encoding, input_names
from app.science.export.onnx_network import add_network
from app.science.relu_network.network import Network

RESERVED = {"prediction", "label", "probabilities"}


def build(network: Network, encoding: Encoding) -> bytes:
    """Serialize, checked by onnx; equal models give equal bytes.

    Parameters
    ----------
    network : with tensors in the types to compute in

    Raises
    ------
    ScienceError
        The file would pass the 2 GiB of one protobuf message.
    """
    graph = GraphBuilder()
    names = input_names(encoding, RESERVED)
    x, inputs = add_encoding(graph, encoding, names)
    output = add_network(graph, network, x)
    if network.task == "regression":
        outputs = _regression(graph, output)
    else:
        outputs = _classification(graph, network, output)
    properties = {
        "inputs": json.dumps(names),
        "task": network.task,
        "opset": f"ai.onnx {OPSET}, ai.onnx.ml {ML_OPSET}",
    }
    model = graph.model(inputs, outputs, properties)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _regression(graph: GraphBuilder, output: Value) -> list[object]:
    graph.add("Squeeze", [output, graph.constant(np.array([1], np.int64))], name="prediction")
    return [helper.make_tensor_value_info("prediction", DOUBLE, ["N"])]


def _classification(graph: GraphBuilder, network: Network, output: Value) -> list[object]:
    best = graph.add("ArgMax", [output], INT64, axis=1, keepdims=0)
    graph.add(
        "LabelEncoder",
        [best],
        STRING,
        name="label",
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(network.classes))),
        values_strings=list(network.classes),
    )
    wide = graph.add("Softmax", [output], axis=1)
    graph.add("Cast", [wide], FLOAT, name="probabilities", to=FLOAT)
    return [
        helper.make_tensor_value_info("label", STRING, ["N"]),
        helper.make_tensor_value_info("probabilities", FLOAT, ["N", len(network.classes)]),
    ]
