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
    graph: GraphBuilder, output: Value, task: Task, classes: Sequence[str]
) -> list[object]:
    """Add the nodes; the graph's outputs. ``output`` : (N, 1) values or (N, c) logits."""
    return _regression(graph, output) if task == "regression" else _labels(graph, output, classes)


def _regression(graph: GraphBuilder, output: Value) -> list[object]:
    graph.add("Squeeze", [output, graph.constant(np.array([1], np.int64))], name="prediction")
    return [helper.make_tensor_value_info("prediction", DOUBLE, ["N"])]


def _labels(graph: GraphBuilder, output: Value, classes: Sequence[str]) -> list[object]:
    best = graph.add("ArgMax", [output], INT64, axis=1, keepdims=0)
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
