"""The network as one ONNX file: uint8 images in, NHWC; label and probabilities, or a number, out.

Input: ``image`` (N, height, width, channels) uint8. Outputs: see ``onnx_answer``. Everything
between is Conv, Relu, AveragePool and Gemm, and sums, products by constants and changes of layout;
float32 up to the head, which is in double.

Source: none.
"""

import json

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor

from app.science.export.onnx_builder import FLOAT, ML_OPSET, OPSET, GraphBuilder, Value
from app.science.export.onnx_network import add_head
from app.science.images.bend import Bend
from app.science.images.network import Body, ImageNetwork
from app.science.images.pixels import Standardization
from app.science.images.stage import Pool, Stage

INPUT = "image"


def build(network: ImageNetwork) -> bytes:
    """Serialize, checked by onnx; equal networks give equal bytes.

    Raises
    ------
    ScienceError
        The file would pass the 2 GiB of one protobuf message.
    """
    graph = GraphBuilder()
    shape: list[str | int | None] = ["N", *network.body.shape]
    features = _features(graph, network.body, Value(INPUT, TensorProto.UINT8))
    outputs = add_head(graph, network.head, features)
    model = graph.model(
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape)],
        outputs,
        {
            "inputs": json.dumps({INPUT: shape}),
            "task": network.task,
            "opset": f"ai.onnx {OPSET}, ai.onnx.ml {ML_OPSET}",
        },
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _features(graph: GraphBuilder, body: Body, image: Value) -> Value:
    maps = _standardized(graph, body.standardization, image)
    found = []
    for stage in body.stages:
        units = _units(graph, stage, maps)
        found.append(_pooled(graph, stage, units))
        if stage.compression is not None:
            pooled = _pool(graph, graph.add("Concat", units, axis=1), stage.compression.pool)
            weight = _constant(graph, stage.compression.weight[:, :, None, None])
            bias = _constant(graph, stage.compression.bias)
            maps = graph.add("Conv", [pooled, weight, bias])
    features = graph.add("Concat", found, axis=1)
    return features if body.bend is None else _bent(graph, body.bend, features)


def _standardized(graph: GraphBuilder, standard: Standardization, image: Value) -> Value:
    x = graph.cast(image, FLOAT)
    x = graph.add("Sub", [x, _constant(graph, standard.center)])
    x = graph.add("Div", [x, _constant(graph, standard.scale)])
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    square = (standard.square, standard.square)
    return x if standard.square == 1 else _pool(graph, x, Pool(square, square))


def _units(graph: GraphBuilder, stage: Stage, maps: Value) -> list[Value]:
    """relu(a - t) and relu(-a - t), each (N, m, h, w)."""
    tensors = (stage.filters.weight, stage.filters.bias)
    responses = graph.add("Conv", [maps, *(_constant(graph, tensor) for tensor in tensors)])
    threshold = graph.scalar(stage.threshold, responses)
    sides = (responses, graph.add("Neg", [responses]))
    return [graph.add("Relu", [graph.add("Sub", [side, threshold])]) for side in sides]


def _pooled(graph: GraphBuilder, stage: Stage, units: list[Value]) -> Value:
    """(N, f), the units' averages, each side in turn."""
    sides = [_pool(graph, side, stage.pool) for side in units]
    if stage.filters.mirrored:
        sides = [_mirror_averaged(graph, side, len(stage.filters.bias)) for side in sides]
    return graph.add("Concat", [graph.add("Flatten", [side], axis=1) for side in sides], axis=1)


def _mirror_averaged(graph: GraphBuilder, side: Value, n_filters: int) -> Value:
    half, far = n_filters // 2, np.iinfo(np.int64).max
    plain = _sliced(graph, side, axis=1, start=0, stop=half)
    mirrored = _sliced(graph, side, axis=1, start=half, stop=far)
    flipped = _sliced(graph, mirrored, axis=3, start=-1, stop=-far, step=-1)
    total = graph.add("Add", [plain, flipped])
    return graph.add("Div", [total, graph.scalar(2.0, total)])


def _sliced(
    graph: GraphBuilder, value: Value, *, axis: int, start: int, stop: int, step: int = 1
) -> Value:
    numbers = (start, stop, axis, step)
    ends = [graph.constant(np.array([number], dtype=np.int64)) for number in numbers]
    return graph.add("Slice", [value, *ends])


def _pool(graph: GraphBuilder, value: Value, pool: Pool) -> Value:
    return graph.add("AveragePool", [value], kernel_shape=pool.kernel, strides=pool.stride)


def _bent(graph: GraphBuilder, bend: Bend, features: Value) -> Value:
    scaled = graph.add("Mul", [features, _constant(graph, bend.inverse)])
    total = graph.add("Mul", [scaled, graph.scalar(bend.gains[0], scaled)])
    for knot, gain in zip(bend.knots[1:], bend.gains[1:], strict=True):
        above = graph.add("Relu", [graph.add("Sub", [scaled, graph.scalar(knot, scaled)])])
        total = graph.add("Add", [total, graph.add("Mul", [above, graph.scalar(gain, above)])])
    return total


def _constant(graph: GraphBuilder, tensor: Tensor) -> Value:
    array: NDArray[np.generic] = np.ascontiguousarray(tensor.numpy())
    return graph.constant(array)
