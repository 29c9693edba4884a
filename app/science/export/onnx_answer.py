"""The last nodes of an ONNX file, from a network's raw output to what its user asks for.

``prediction`` (N,) in double for a regression; ``label`` (N,) and ``probabilities`` (N, c) for
classes.

Source: none.
"""

from collections.abc import Sequence

import numpy as np
from onnx import helper

from app.science.export.onnx_builder import DOUBLE, FLOAT, INT64, STRING, GraphBuilder, Value
from app.science.relu_network.network import Task

RESERVED = {"prediction", "label", "probabilities"}


def add_answer(
    graph: GraphBuilder,
    output: Value,
    task: Task,
    classes: Sequence[str],
    class_weights: Sequence[float] = (),
) -> list[object]:
    """Add the nodes; the graph's outputs. ``output`` : (N, 1) values or (N, c) logits."""
    if task == "regression":
        return _regression(graph, output)
    return _labels(graph, output, classes, class_weights)


def _regression(graph: GraphBuilder, output: Value) -> list[object]:
    graph.add("Squeeze", [output, graph.constant(np.array([1], np.int64))], name="prediction")
    return [helper.make_tensor_value_info("prediction", DOUBLE, ["N"])]


def _labels(
    graph: GraphBuilder, output: Value, classes: Sequence[str], class_weights: Sequence[float]
) -> list[object]:
    costs = output
    if class_weights:
        logs = np.log(class_weights).astype(helper.tensor_dtype_to_np_dtype(output.dtype))
        costs = graph.add("Add", [output, graph.constant(logs)])
    best = graph.add("ArgMax", [costs], INT64, axis=1, keepdims=0)
    graph.add(
        "LabelEncoder",
        [best],
        STRING,
        name="label",
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(classes))),
        values_strings=list(classes),
    )
    wide = graph.add("Softmax", [output], axis=1)
    graph.add("Cast", [wide], FLOAT, name="probabilities", to=FLOAT)
    return [
        helper.make_tensor_value_info("label", STRING, ["N"]),
        helper.make_tensor_value_info("probabilities", FLOAT, ["N", len(classes)]),
    ]
