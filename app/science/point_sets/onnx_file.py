"""A model of point sets as one ONNX file, everything from raw points to the answer inside.

Input: ``points`` (N, K, columns) in float, N and K free, padded points NaN. Outputs:
``prediction`` (N,) in double for a regression; ``label`` (N,) and ``probabilities`` (N, c) for
classes.

Source: none; the operations are defined in ``ops.py``.
"""

import json
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper

from app.science.export.onnx_builder import DOUBLE, FLOAT, INT64, STRING, GraphBuilder, Value
from app.science.export.onnx_network import add_network
from app.science.point_sets.model import PointModel
from app.science.point_sets.onnx_ops import OnnxOps, Symbol

INPUT_NAME = "points"


def build(model: PointModel) -> bytes:
    """Serialize, checked by onnx; equal models give equal bytes.

    Raises
    ------
    ScienceError
        The file would pass the 2 GiB of one protobuf message.
    """
    graph = GraphBuilder()
    points = Symbol(graph, Value(INPUT_NAME, FLOAT))
    pooled = model.features.apply(OnnxOps(graph), points).value  # (N, 1, width)
    flat = graph.add("Squeeze", [pooled, graph.constant(np.array([1], np.int64))])
    tensors = {name: np.asarray(t, np.float64) for name, t in model.head.tensors.items()}
    output = add_network(graph, replace(model.head, tensors=tensors), graph.cast(flat, DOUBLE))
    outputs = (
        _prediction(graph, output) if _is_regression(model) else _classes(graph, model, output)
    )
    width = len(model.features.pose.center)
    inputs = [helper.make_tensor_value_info(INPUT_NAME, FLOAT, ["N", "K", width])]
    properties = {
        "task": model.head.task,
        "n_channels": json.dumps(model.features.around.n_channels),
    }
    found = graph.model(inputs, outputs, properties)
    onnx.checker.check_model(found, full_check=True)
    return bytes(found.SerializeToString(deterministic=True))


def _is_regression(model: PointModel) -> bool:
    return model.head.task == "regression"


def _prediction(graph: GraphBuilder, output: Value) -> list[object]:
    graph.add("Squeeze", [output, graph.constant(np.array([1], np.int64))], name="prediction")
    return [helper.make_tensor_value_info("prediction", DOUBLE, ["N"])]


def _classes(graph: GraphBuilder, model: PointModel, output: Value) -> list[object]:
    names = model.head.classes
    best = graph.add("ArgMax", [output], INT64, axis=1, keepdims=0)
    keys = {"keys_int64s": list(range(len(names))), "values_strings": list(names)}
    graph.add("LabelEncoder", [best], STRING, name="label", domain="ai.onnx.ml", **keys)
    wide = graph.add("Softmax", [output], axis=1)
    graph.add("Cast", [wide], FLOAT, name="probabilities", to=FLOAT)
    return [
        helper.make_tensor_value_info("label", STRING, ["N"]),
        helper.make_tensor_value_info("probabilities", FLOAT, ["N", len(names)]),
    ]
