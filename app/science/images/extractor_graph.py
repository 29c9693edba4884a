"""Raw pixels to an extractor's features, and to a model's answer, each as one ONNX file.

Input: ``image`` (N, height, width, channels) uint8, as other models of images. ``features`` (N, f)
float32, or the outputs of ``onnx_answer``. The way to the features is the same text in both, so
that a model serves what its head was fitted on.

Source: none.
"""

import json

import numpy as np
import onnx
from onnx import TensorProto, compose, helper

from app.science.errors import UnusableExtractor
from app.science.export.onnx_builder import (
    FLOAT,
    INT64,
    IR_VERSION,
    ML_OPSET,
    PREFIX,
    GraphBuilder,
    Value,
)
from app.science.export.onnx_network import add_head
from app.science.images.extractor import Extractor
from app.science.images.onnx_graph import INPUT
from app.science.relu_network.network import Network

FEATURES = "features"
INSIDE = f"{PREFIX}extractor/"
GRAY = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R 601, as ``decode`` has it."""

Shape = tuple[int, int, int]
"""Height, width and channels of the images."""


def features_file(extractor: Extractor, shape: Shape) -> bytes:
    """The network up to the features.

    Raises
    ------
    UnusableExtractor
        It does not take images of this shape.
    """
    graph = _builder(extractor)
    found = _features(graph, extractor, shape)
    graph.add("Identity", [found], name=FEATURES)
    output = helper.make_tensor_value_info(FEATURES, FLOAT, ["N", extractor.n_features])
    return _serialized(graph, shape, [output], {})


def model_file(extractor: Extractor, shape: Shape, head: Network) -> bytes:
    """The whole network, with a head over the features; checked by onnx.

    Raises
    ------
    ScienceError
        The file would pass the 2 GiB of one protobuf message.
    """
    graph = _builder(extractor)
    found = _features(graph, extractor, shape)
    outputs = add_head(graph, head, found)
    properties = {
        "inputs": json.dumps({INPUT: ["N", *shape]}),
        "task": head.task,
        "opset": f"ai.onnx {extractor.opset}, ai.onnx.ml {ML_OPSET}",
        "extractor_sha256": extractor.sha256,
    }
    return _serialized(graph, shape, outputs, properties)


def _builder(extractor: Extractor) -> GraphBuilder:
    return GraphBuilder(extractor.opset, max(IR_VERSION, extractor.model.ir_version))


def _serialized(
    graph: GraphBuilder, shape: Shape, outputs: list[object], properties: dict[str, str]
) -> bytes:
    image = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *shape])
    model = graph.model([image], outputs, properties)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # noqa: BLE001  (onnx raises errors of several families)
        raise UnusableExtractor(
            f"does not fit images of {shape[0]} x {shape[1]} pixels: {error!s:.200}",
            "export it with the height and width that it needs",
        ) from None
    return bytes(model.SerializeToString(deterministic=True))


def _features(graph: GraphBuilder, extractor: Extractor, shape: Shape) -> Value:
    """(N, f) float."""
    x = graph.cast(Value(INPUT, TensorProto.UINT8), FLOAT)
    x = _as_many_channels(graph, x, shape[2], extractor.channels)
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    height, width = (wanted or own for wanted, own in zip(extractor.size, shape, strict=False))
    if (height, width) != shape[:2]:
        x = _resized(graph, x, height, width)
    x = _prepared(graph, x, extractor)
    if not extractor.channels_first:
        x = graph.add("Transpose", [x], perm=[0, 2, 3, 1])
    found = graph.cast(_extracted(graph, extractor, x), FLOAT)
    if not extractor.makes_maps:
        return found
    return graph.add("Flatten", [graph.add("GlobalAveragePool", [found])], axis=1)


def _as_many_channels(graph: GraphBuilder, x: Value, own: int, wanted: int) -> Value:
    """(N, h, w, own) to (N, h, w, wanted)."""
    if own == wanted:
        return x
    if wanted == 3:
        return graph.add("Concat", [x, x, x], axis=3)
    return graph.add("MatMul", [x, graph.constant(GRAY[:, None])])


def _resized(graph: GraphBuilder, x: Value, height: int, width: int) -> Value:
    """(N, c, height, width), between the nearest pixels."""
    first = graph.add("Shape", [x], INT64, end=2)
    sides = graph.constant(np.array([height, width], np.int64))
    nothing = Value("", FLOAT)
    sizes = graph.add("Concat", [first, sides], axis=0)
    return graph.add("Resize", [x, nothing, nothing, sizes], mode="linear")


def _prepared(graph: GraphBuilder, x: Value, extractor: Extractor) -> Value:
    if extractor.takes_bytes:
        return graph.cast(graph.add("Round", [x]), TensorProto.UINT8)
    mean, std = (
        np.array(numbers, np.float32).reshape(1, -1, 1, 1)
        for numbers in (extractor.mean, extractor.std)
    )
    x = graph.add("Div", [x, graph.scalar(255.0, x)])
    x = graph.add("Sub", [x, graph.constant(mean)])
    return graph.add("Div", [x, graph.constant(std)])


def _extracted(graph: GraphBuilder, extractor: Extractor, x: Value) -> Value:
    """The extractor's own nodes, under names that no other node has."""
    graph.add("Identity", [x], name=INSIDE + extractor.input_name)
    inner = compose.add_prefix(extractor.model, INSIDE).graph
    graph.nodes.extend(inner.node)
    graph.initializers.update({each.name: each for each in inner.initializer})
    first = inner.output[0]
    return Value(first.name, first.type.tensor_type.elem_type)
