"""A model of point sets as one ONNX file, everything from raw points to the answer inside.

Input: ``points`` (N, K, columns) in float, N and K free, padded points NaN. Outputs:
``prediction`` (N,) in double for a regression; ``label`` (N,) and ``probabilities`` (N, c) for
classes.

Source: none; the operations are defined in ``ops.py``.
"""

import json

import numpy as np
import onnx
from onnx import helper

from app.science.export.onnx_builder import FLOAT, GraphBuilder, Value
from app.science.export.onnx_network import add_head
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
    outputs = add_head(graph, model.head, flat)
    width = len(model.features.pose.center)
    inputs = [helper.make_tensor_value_info(INPUT_NAME, FLOAT, ["N", "K", width])]
    properties = {
        "task": model.head.task,
        "n_channels": json.dumps(model.features.around.n_channels),
    }
    found = graph.model(inputs, outputs, properties)
    onnx.checker.check_model(found, full_check=True)
    return bytes(found.SerializeToString(deterministic=True))
