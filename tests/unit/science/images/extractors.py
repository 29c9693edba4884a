"""Small feature extractors, good and bad, as ONNX files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

N_FILTERS = 16
Dims = Sequence[str | int | None]


def model(
    nodes: Sequence[Any],
    image: Dims = ("N", 3, "h", "w"),
    output: Dims = ("N", N_FILTERS),
    tensors: dict[str, NDArray[Any]] | None = None,
    *,
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> onnx.ModelProto:
    """From ``x``, the images, to ``y``, the features."""
    weights = [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()]
    graph = helper.make_graph(
        nodes,
        "extractor",
        [helper.make_tensor_value_info("x", kind, image)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        weights,
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def convolution(
    image: Dims = ("N", 3, "h", "w"), *, maps: bool = False, opset: int = 17
) -> onnx.ModelProto:
    """Random filters, a ReLU and, unless they are to come as ``maps``, their averages."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(N_FILTERS, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["y" if maps else "b"]),
    ]
    if maps:
        output: Dims = ("N", N_FILTERS, None, None)
        return model(nodes, image, output, {"w": weight}, opset=opset)
    nodes += [
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["y"]),
    ]
    return model(nodes, image, tensors={"w": weight}, opset=opset)


def of_bytes_last() -> onnx.ModelProto:
    """Grey bytes, channels last, 8 x 8, as they are."""
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["a"], ["y"]),
    ]
    return model(nodes, ("N", 8, 8, 1), ("N", 64), kind=TensorProto.UINT8)


def then(
    op: str,
    inputs: Sequence[str] = "a",
    tensors: dict[str, NDArray[Any]] | None = None,
    *,
    axis: int | None = None,
) -> onnx.ModelProto:
    """An operator behind the averages ``a`` (N, 3) of the channels."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["a"], axes=[2, 3], keepdims=0),
        helper.make_node(op, list(inputs), ["y"], axis=axis),
    ]
    return model(nodes, output=("N", 3), tensors=tensors)


def huge() -> onnx.ModelProto:
    """Some 120 GB an image, on the way to few features."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["a"]),
        helper.make_node("Expand", ["a", "s"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["y"]),
    ]
    return model(nodes, output=("N", 3), tensors={"s": np.array([1, 3, 100_000, 100_000])})
