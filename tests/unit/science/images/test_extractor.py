"""Feature extractors that users bring: what is refused, and that one network comes out."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from app.science.errors import UnusableExtractor
from app.science.export.errors import PackageError
from app.science.export.media_runtime import Session
from app.science.images import extractor
from app.science.images.extractor_graph import features_file, model_file
from app.science.relu_network.network import INPUT, Network, Node
from tests.unit.science.images.extractors import (
    N_FILTERS,
    convolution,
    model,
    of_bytes_last,
    then,
)

IMAGES = np.random.default_rng(1).integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)


def external() -> onnx.ModelProto:
    made = convolution()
    weight = made.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.ClearField("raw_data")
    weight.external_data.add(key="location", value="/etc/passwd")
    return made


def external_constant() -> onnx.ModelProto:
    made = external()
    constant = helper.make_node("Constant", [], ["w"], value=made.graph.initializer[0])
    made.graph.node.insert(0, constant)
    made.graph.ClearField("initializer")
    return made


def foreign() -> onnx.ModelProto:
    made = convolution()
    made.graph.node[1].domain = "com.microsoft"
    made.opset_import.add(domain="com.microsoft", version=1)
    return made


def loop() -> onnx.ModelProto:
    body = helper.make_graph([], "body", [], [])
    return model([helper.make_node("Loop", ["x"], ["y"], body=body)])


def functions() -> onnx.ModelProto:
    made = convolution()
    made.functions.add(name="f", domain="own")
    return made


def without_type() -> onnx.ModelProto:
    made = convolution()
    made.graph.node[1].op_type = "NoSuchOperator"
    return made


def without_output() -> onnx.ModelProto:
    made = convolution()
    made.graph.ClearField("output")
    return made


def wide() -> onnx.ModelProto:
    return model([helper.make_node("Flatten", ["x"], ["y"])], ("N", 3, 100, 100), ("N", 30_000))


@pytest.mark.parametrize(
    ("make", "word", "remedy"),
    [
        (external, "another file", "save_as_external_data"),
        (external_constant, "another file", "save_as_external_data"),
        (foreign, "com.microsoft.Relu", "standard operators"),
        (loop, "a graph inside Loop", "without If, Loop"),
        (functions, "functions", "export it again"),
        (without_type, "NoSuchOperator", "export it again"),
        (without_output, "no output", "ONNX file"),
        (wide, "30000 features", "at most 16384"),
        (lambda: then("RandomNormalLike"), "random numbers", "for evaluation"),
        (lambda: convolution(("N", 3, 4, "h", "w")), "(?, 3, 4, ?, ?)", "float32 or uint8"),
        (lambda: convolution((1, 3, 8, 8)), "1 images at once", "free batch axis"),
        (lambda: model([], ("N", 3, 8, 8)), "no nodes", "ONNX file"),
        (lambda: convolution(("N", 5, "h", "w")), "(?, 5, ?, ?)", "1 or 3 channels"),
        (lambda: convolution(("N", 3, -5, "w")), "(?, 3, -5, ?)", "1 to 1024 pixels"),
        (lambda: convolution(("N", 3, "h", 1_000_000)), "1000000", "1 to 1024 pixels"),
        (lambda: convolution(opset=999), "opset 999", "an opset from 17 to"),
    ],
)
def test_what_is_no_plain_network_is_refused_with_the_remedy(
    make: Callable[[], onnx.ModelProto], word: str, remedy: str
) -> None:
    with pytest.raises(UnusableExtractor) as refused:
        extractor.read(make().SerializeToString())

    assert word in refused.value.problem
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"\x08\x08" * 100])
def test_bytes_that_are_no_onnx_are_refused(data: bytes) -> None:
    with pytest.raises(UnusableExtractor):
        extractor.read(data)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (b'{"means": [0.5]}', "did you mean 'mean'"),
        (b'{"mean": [0.5, 0.5]}', "1 or 3 numbers"),
        (b'{"std": [0.0]}', "at least 1e-06"),
        (b'{"std": [1e-300]}', "at least 1e-06"),
        (b'{"std": [NaN]}', "1 or 3 numbers"),
        (b"[1", "broken"),
        (b"3", "broken"),
        (b"[[1, 2]]", "broken"),
    ],
)
def test_a_preparation_that_does_not_fit_is_refused(document: bytes, word: str) -> None:
    with pytest.raises(UnusableExtractor, match=word):
        extractor.read(convolution().SerializeToString(), document)


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize("maps", [False, True])
def test_features_of_pixels_are_those_of_the_extractor(opset: int, maps: bool) -> None:
    own = convolution(maps=maps, opset=opset)
    read = extractor.read(
        own.SerializeToString(), b'{"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}'
    )
    network = features_file(read, (12, 10, 3))
    (found,) = ort.InferenceSession(network).run(None, {"image": IMAGES})

    pixels = (IMAGES / 255.0 - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]
    x = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    (wanted,) = map(np.asarray, ReferenceEvaluator(own).run(None, {"x": x}))
    if maps:
        wanted = wanted.mean(axis=(2, 3))
    assert found.shape == (5, N_FILTERS)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_color_at_another_size_becomes_the_grey_bytes_that_it_wants() -> None:
    read = extractor.read(of_bytes_last().SerializeToString())
    images = np.full((2, 16, 16, 3), (100, 150, 200), np.uint8)
    (found,) = ort.InferenceSession(features_file(read, (16, 16, 3))).run(None, {"image": images})

    np.testing.assert_array_equal(found, np.full((2, 64), 141.0))


def test_images_that_it_cannot_take_are_told() -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["a"]), helper.make_node("MatMul", "aw", "y")]
    weights = {"w": np.ones((300, N_FILTERS), np.float32)}
    read = extractor.read(model(nodes, tensors=weights).SerializeToString())

    assert features_file(read, (10, 10, 3))
    with pytest.raises(UnusableExtractor, match="12 x 12"):
        features_file(read, (12, 12, 3))


def test_a_head_is_part_of_the_file_and_nan_is_no_answer() -> None:
    node = Node("head", "affine", (INPUT,))
    weight = np.array([[1.0, -2.0, 3.0]])
    tensors = {node.tensor("weight"): weight, node.tensor("bias"): np.array([0.5])}
    head = Network("regression", 3, node.name, (), (node,), tensors)
    read = extractor.read(then("Log").SerializeToString())
    session = Session(model_file(read, IMAGES.shape[1:], head), "regression")

    wanted = np.log(IMAGES.mean(axis=(1, 2)) / 255.0) @ weight[0] + 0.5
    np.testing.assert_allclose(session.outputs(IMAGES), wanted, rtol=1e-5)
    with pytest.raises(PackageError, match="NaN"):
        session.outputs(np.zeros_like(IMAGES))
