"""Trees inside a package: every reader agrees, and hostile trees are refused."""

from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from app.science.errors import InvalidNetwork
from app.science.export import (
    archive,
    golden,
    manifest,
    network_numpy,
    network_shapes,
    package_writer,
    runtime,
    self_test,
    tensor_file,
)
from app.science.export.errors import PackageError
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network, Node, Task
from app.science.relu_network.trees import Forest
from tests.unit.science.export import models

INDICES = ("feature", "left", "right", "root")
WIDTH = 7


def grown(n_trees: int, n_outputs: int, seed: int = 0) -> Forest:
    """Trees of random shape: each leaf in turn may become a split."""
    rng = np.random.default_rng(seed)
    left: list[int] = []
    right: list[int] = []
    root: list[int] = []
    n_leaves = 0

    def leaf() -> int:
        nonlocal n_leaves
        n_leaves += 1
        return -n_leaves

    def branch(depth: int) -> int:
        if rng.random() < depth / 6:
            return leaf()
        split = len(left)
        left.append(0)
        right.append(0)
        left[split], right[split] = branch(depth + 1), branch(depth + 1)
        return split

    root.extend(branch(0) for _ in range(n_trees - 1))
    root.append(leaf())
    return Forest(
        feature=rng.integers(0, WIDTH, len(left)).astype(np.int32),
        threshold=rng.normal(size=len(left)).astype(np.float32),
        left=np.array(left, np.int32),
        right=np.array(right, np.int32),
        root=np.array(root, np.int32),
        value=rng.normal(size=(n_leaves, n_outputs)) / np.sqrt(n_trees),
    )


def network(task: Task) -> Network:
    """The network of ``models`` plus trees on x."""
    plain = models.network(task)
    node, tensors = grown(12, max(len(plain.classes), 1)).node("trees")
    total = Node("total", "add", ("sum", node.name))
    return replace(
        plain,
        nodes=(*plain.nodes, node, total),
        tensors={**plain.tensors, **tensors},
        output=total.name,
    )


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_every_reader_computes_the_trees(task: Task) -> None:
    model = models.trained(task, network=network(task))

    package, result = self_test.proved_package(model)

    assert result.precision == "float32"
    assert max(result.onnx_difference, result.numpy_difference) < 1e-5
    assert runtime.verify(package).passed


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_torch_numpy_and_onnx_agree_on_new_rows(task: Task) -> None:
    trained = models.trained(task, network=network(task))
    package = package_writer.package_bytes(trained)
    table = models.rows(500, seed=11)
    model = runtime.load(package)
    session = ort.InferenceSession(
        archive.read(package)["model.onnx"], providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(5).normal(size=(300, WIDTH))

    feed = {name: self_test.onnx_input(values) for name, values in table.items()}
    onnx_says = session.run(["prediction" if task == "regression" else "probabilities"], feed)[0]

    ours = model.predict(table)[:, None] if task == "regression" else model.predict_proba(table)
    assert golden.relative_difference(onnx_says.reshape(ours.shape), ours) < 1e-5
    in_torch = predict_raw(trained.network, x)
    np.testing.assert_allclose(in_torch, network_numpy.evaluate(model.network, x), atol=1e-4)


def test_indices_stay_whole_and_thresholds_single_in_both_precisions() -> None:
    for precision in (np.float32, np.float64):
        stored = network_numpy.stored(network("regression"), precision)

        again = tensor_file.read("weights", tensor_file.write(stored.tensors))

        assert {again[f"trees.{role}"].dtype.str for role in INDICES} == {"<i4"}
        assert again["trees.threshold"].dtype == np.float32
        assert again["trees.value"].dtype == np.float64  # the last weights before the output
        assert network_numpy.precision(replace(stored, tensors=again)) == np.dtype(precision).name


def test_trees_below_another_layer_take_the_precision() -> None:
    node, tensors = grown(5, 3).node("trees")
    head = {"head.weight": np.ones((1, 3)), "head.bias": np.zeros(1)}
    nodes = (node, Node("head", "affine", (node.name,)))
    net = Network("regression", WIDTH, "head", (), nodes, {**tensors, **head})

    assert network_numpy.stored(net).tensors["trees.value"].dtype == np.float32
    self_test.check(
        models.trained(network=net), package_writer.package_bytes(models.trained(network=net))
    )


def test_trees_on_a_computed_value_make_a_float64_package() -> None:
    plain = models.network()
    node, tensors = grown(5, 1).node("trees")
    both = Node("both", "concat", ("x", "sum"))
    reader = replace(node, inputs=(both.name,))
    total = Node("total", "add", ("sum", reader.name))
    net = replace(
        plain,
        nodes=(*plain.nodes, both, reader, total),
        tensors={**plain.tensors, **tensors},
        output=total.name,
    )

    package, result = self_test.proved_package(models.trained(network=net))

    assert result.precision == "float64"
    assert runtime.verify(package).passed


def test_trees_alone_are_a_model() -> None:
    node, tensors = grown(5, 1).node("trees")
    net = Network("regression", WIDTH, "trees", (), (node,), tensors)

    self_test.proved_package(models.trained(network=net))


def with_role(role: str, change: NDArray[np.generic]) -> Network:
    """x0 <= 0 ? leaf 0 : (x1 <= 1 ? leaf 1 : leaf 2), with one tensor replaced."""
    node, tensors = Forest(
        feature=np.array([0, 1], np.int32),
        threshold=np.array([0.0, 1.0], np.float32),
        left=np.array([-1, -2], np.int32),
        right=np.array([1, -3], np.int32),
        root=np.array([0], np.int32),
        value=np.zeros((3, 1)),
    ).node("trees")
    return Network("regression", 2, "trees", (), (node,), {**tensors, f"trees.{role}": change})


def chain(n_splits: int) -> Network:
    """One tree whose right children are splits, down to the last."""
    splits = np.arange(n_splits, dtype=np.int32)
    node, tensors = Forest(
        feature=np.zeros_like(splits),
        threshold=splits.astype(np.float32),
        left=-1 - splits,
        right=np.append(splits[1:], -1 - n_splits).astype(np.int32),
        root=np.zeros(1, np.int32),
        value=np.zeros((n_splits + 1, 1)),
    ).node("trees")
    return Network("regression", 1, "trees", (), (node,), tensors)


@pytest.mark.parametrize(
    ("role", "change", "words"),
    [
        ("feature", np.array([0, 2], np.int32), "column that is not there"),
        ("feature", np.array([-1, 1], np.int32), "column that is not there"),
        ("feature", np.array([0], np.int32), "differ in shape"),
        ("feature", np.array([0.0, 1.0]), "whole numbers"),
        ("left", np.array([-1, 2], np.int32), "no split and no leaf"),
        ("left", np.array([-1, -9], np.int32), "no split and no leaf"),
        ("left", np.array([-1, -(2**31)], np.int32), "no split and no leaf"),
        ("left", np.array([-1, 0], np.int32), "deeper than"),
        ("left", np.array([-1, 1], np.int32), "deeper than"),
        ("left", np.array([-1, -1], np.int32), "all splits and leaves once"),
        ("left", np.array([-1, -2]), None),
        ("right", np.array([-2, -3], np.int32), "all splits and leaves once"),
        ("right", np.array([[1, -3]], np.int32), "differ in shape"),
        ("root", np.array([1], np.int32), "all splits and leaves once"),
        ("root", np.array([0, 0], np.int32), "deeper than|all splits"),
        ("root", np.array([], np.int32), "needs roots"),
        ("root", np.array([0.0]), "whole numbers"),
        ("threshold", np.array([0, 1], np.int32), "real numbers"),
        ("threshold", np.zeros((2, 1), np.float32), "differ in shape"),
        ("value", np.zeros(3), "needs roots"),
        ("value", np.zeros((3, 1), np.int32), "real numbers"),
        ("value", np.zeros((4, 1)), "all splits and leaves once"),
        ("value", np.zeros((0, 1)), "no split and no leaf"),
        ("value", np.zeros((3, 0)), "0 columns"),
        ("value", np.zeros((3, 2)), "2 outputs"),
    ],
)
def test_hostile_trees_are_refused(
    role: str, change: NDArray[np.generic], words: str | None
) -> None:
    forged = with_role(role, change)

    if words is None:
        assert network_shapes.widths(forged)["trees"] == 1
        return
    with pytest.raises(InvalidNetwork, match=words):
        network_shapes.widths(forged)


def test_a_loop_that_no_root_reaches_is_refused() -> None:
    node, tensors = Forest(
        feature=np.array([0, 0], np.int32),
        threshold=np.zeros(2, np.float32),
        left=np.array([1, 0], np.int32),
        right=np.array([-1, -2], np.int32),
        root=np.array([-3], np.int32),
        value=np.zeros((3, 1)),
    ).node("trees")

    with pytest.raises(InvalidNetwork, match="all splits and leaves once"):
        network_shapes.widths(Network("regression", 1, "trees", (), (node,), tensors))


def test_the_depth_is_bounded() -> None:
    assert network_shapes.widths(chain(64))["trees"] == 1
    with pytest.raises(InvalidNetwork, match="deeper than 64"):
        network_shapes.widths(chain(65))


def test_whole_numbers_are_no_weights() -> None:
    plain = models.network()
    weight = np.ones(plain.tensors["lift.weight"].shape, np.int32)

    with pytest.raises(InvalidNetwork, match="'lift' computes with real numbers"):
        network_shapes.widths(replace(plain, tensors={**plain.tensors, "lift.weight": weight}))


def test_a_package_with_hostile_trees_is_refused() -> None:
    model = models.trained(network=network("regression"))
    files = archive.read(package_writer.package_bytes(model))
    weights = dict(tensor_file.read("weights", files["weights.safetensors"]))
    weights["trees.feature"] = weights["trees.feature"] + np.int32(WIDTH)
    parts = {name: files[name] for name in manifest.PARTS}
    parts["weights.safetensors"] = tensor_file.write(weights)
    head = manifest.build(parts, target_name="rent")

    with pytest.raises(PackageError, match=r"architecture\.json: node 'trees' reads a column"):
        runtime.load(archive.write({manifest.NAME: head, **parts}))
