"""A node of trees is the booster it came from and the ReLU network it claims to be."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.science.errors import InvalidNetwork, UnusableTrees
from app.science.relu_network import network as networks
from app.science.relu_network import tree_walk, trees
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network, Task
from app.science.relu_network.trees import Forest
from tests.unit.science.relu_network import boosters

# Tree 0: x0 <= 1 ? 10 : (x1 <= -2 ? 20 : 30). Tree 1 is the constant 5.
BY_HAND = Forest(
    feature=np.array([0, 1], np.int32),
    threshold=np.array([1.0, -2.0], np.float32),
    left=np.array([-1, -2], np.int32),
    right=np.array([1, -3], np.int32),
    root=np.array([0, -4], np.int32),
    value=np.array([[10.0], [20.0], [30.0], [5.0]]),
)


def alone(forest: Forest, input_dim: int) -> Network:
    """A network that is nothing but these trees."""
    node, tensors = forest.node("trees")
    n_outputs = forest.value.shape[1]
    names = () if n_outputs == 1 else tuple("abcdef"[:n_outputs])
    task: Task = "regression" if n_outputs == 1 else "multiclass"
    return Network(task, input_dim, "trees", names, (node,), tensors)


def in_numpy(net: Network, rows: NDArray[np.generic]) -> NDArray[np.generic]:
    return tree_walk.evaluate(net.nodes[0], net.tensors, rows)


def in_torch(net: Network, rows: NDArray[np.generic]) -> NDArray[np.float64]:
    return predict_raw(net, rows, dtype=torch.float64)


@pytest.mark.parametrize("evaluate", [in_numpy, in_torch])
def test_trees_by_hand(evaluate: Callable[..., NDArray[np.float64]]) -> None:
    above = np.nextafter(np.float32(1), np.float32(2))
    rows = np.array([[1.0, 9.0], [1.0 + 1e-9, 9.0], [above, -2.0], [above, -1.9], [-3.0, -3.0]])

    values = evaluate(alone(BY_HAND, 2), rows)

    assert values[:, 0].tolist() == [15.0, 15.0, 25.0, 35.0, 15.0]


def test_equal_to_the_booster_on_rows_seen_and_unseen() -> None:
    seen, new = boosters.columns(), boosters.columns(seed=1)
    booster = boosters.trained(seen, boosters.targets(seen))

    (forest,) = trees.from_lightgbm(booster.model_to_string())

    net = alone(forest, boosters.N_COLUMNS)
    assert len(forest.root) == 20
    for rows in (seen, new):
        assert in_torch(net, rows)[:, 0] == pytest.approx(booster.predict(rows), abs=1e-12)
        assert predict_raw(net, rows) == pytest.approx(in_torch(net, rows), abs=1e-5)


def test_numpy_and_torch_agree_whatever_the_block() -> None:
    seen = boosters.columns(3000)
    booster = boosters.trained(seen, boosters.targets(seen))
    (forest,) = trees.from_lightgbm(booster.model_to_string())
    net = alone(forest.spread(np.array([-0.5, 0.5])), boosters.N_COLUMNS)

    whole = in_torch(net, seen)

    assert in_numpy(net, seen) == pytest.approx(whole, abs=1e-12)
    parts = predict_raw(net, seen, dtype=torch.float64, block_rows=77)
    assert parts == pytest.approx(whole, abs=1e-12)
    assert whole[:, 0] == pytest.approx(-whole[:, 1])


def test_no_rows() -> None:
    net = alone(BY_HAND, 2)

    assert in_torch(net, np.empty((0, 2))).shape == (0, 1)
    assert in_numpy(net, np.empty((0, 2))).shape == (0, 1)


def test_written_out_as_relus_it_is_the_same_function() -> None:
    seen = boosters.columns()
    booster = boosters.trained(seen, boosters.targets(seen))
    (forest,) = trees.from_lightgbm(booster.model_to_string())
    net = alone(forest, boosters.N_COLUMNS)
    rows = np.concatenate([seen, at_thresholds(forest, seen)])

    relus = trees.as_relu(net.nodes[0], net.tensors, boosters.N_COLUMNS)

    assert {node.op for node in relus.nodes} == {"affine", "relu", "add"}
    assert in_torch(relus, rows) == pytest.approx(in_torch(net, rows), abs=1e-9)
    assert relus.depth == net.depth


def at_thresholds(forest: Forest, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows that sit on a threshold, or on the number after it, in one column."""
    on, after = (seen[: len(forest.feature)].copy() for _ in range(2))
    splits = np.arange(len(on))
    on[splits, forest.feature] = forest.threshold
    after[splits, forest.feature] = np.nextafter(forest.threshold, np.float32(np.inf))
    return np.concatenate([on, after])


def test_thresholds_near_zero_stay_exact() -> None:
    seen = boosters.columns()
    booster = boosters.trained(seen, boosters.targets(seen))
    (forest,) = trees.from_lightgbm(booster.model_to_string())

    # LightGBM splits zeros from ones at 1e-35, where a ramp's slope is 2^140.
    assert (np.abs(forest.threshold) < 1e-30).any()


def test_a_constant_tree_and_two_outputs_as_relus() -> None:
    net = alone(BY_HAND.spread(np.array([1.0, -2.0])), 2)
    rows = np.random.default_rng(0).normal(scale=3, size=(200, 2)).astype(np.float32)

    relus = trees.as_relu(net.nodes[0], net.tensors, 2)

    assert in_torch(relus, rows) == pytest.approx(in_torch(net, rows), abs=1e-12)


def test_the_number_of_relus_is_that_of_the_written_network() -> None:
    seen = boosters.columns()
    booster = boosters.trained(seen, boosters.targets(seen))
    (forest,) = trees.from_lightgbm(booster.model_to_string())
    node, tensors = forest.node("trees")

    relus = trees.as_relu(node, tensors, boosters.N_COLUMNS)

    units = {name: len(relus.tensors[f"{name}.bias"]) for name in rectified(relus)}
    assert trees.n_relu_units(node, tensors) == sum(units.values())


def rectified(net: Network) -> list[str]:
    return [node.inputs[0] for node in net.nodes if node.op == "relu"]


def test_one_forest_a_class_in_the_order_of_the_classes() -> None:
    seen = boosters.columns()
    codes = np.digitize(boosters.targets(seen), [-0.5, 0.8])
    booster = boosters.trained(seen, codes, objective="multiclass", num_class=3)

    forests = trees.from_lightgbm(booster.model_to_string())

    scores = np.column_stack([in_numpy(alone(f, boosters.N_COLUMNS), seen) for f in forests])
    assert scores == pytest.approx(booster.predict(seen, raw_score=True), abs=1e-12)


def test_a_booster_that_found_no_split_is_a_constant() -> None:
    seen = np.zeros((50, 2), np.float32)
    booster = boosters.trained(seen, np.linspace(0.0, 4.0, 50))

    (forest,) = trees.from_lightgbm(booster.model_to_string())

    assert len(forest.feature) == 0
    assert in_torch(alone(forest, 2), seen)[:, 0] == pytest.approx(booster.predict(seen))


@pytest.mark.parametrize(
    ("old", "new"),
    [("decision_type=2", "decision_type=1"), ("decision_type=2", "decision_type=6")],
)
def test_other_splits_are_refused(old: str, new: str) -> None:
    seen = boosters.columns()
    text = boosters.trained(seen, boosters.targets(seen), use_missing=False).model_to_string()
    assert old in text

    with pytest.raises(UnusableTrees, match="train without"):
        trees.from_lightgbm(text.replace(old, new, 1))


def test_linear_leaves_and_no_trees_are_refused() -> None:
    seen = boosters.columns()
    text = boosters.trained(seen, boosters.targets(seen)).model_to_string()

    with pytest.raises(UnusableTrees, match="linear_tree"):
        trees.from_lightgbm(text.replace("is_linear=0", "is_linear=1", 1))
    with pytest.raises(UnusableTrees, match="no trees"):
        trees.from_lightgbm(text.split("\nTree=")[0])


@given(
    st.floats(-1e30, 1e30),
    st.floats(-(2.0**100), 2.0**100, width=32),
    st.integers(-2, 2),
)
def test_rounding_a_threshold_moves_no_row(threshold: float, x: float, steps: int) -> None:
    rounded = trees.round_down(np.array([threshold]))[0]
    near = np.float32(threshold)
    for _ in range(abs(steps)):
        near = np.nextafter(near, np.float32(np.sign(steps) * np.inf))

    for value in (np.float32(x), near):
        assert (float(value) <= threshold) == (value <= rounded)


def test_the_graph_survives_json() -> None:
    net = alone(BY_HAND, 2)

    again = networks.from_json(json.loads(json.dumps(net.to_json())), net.tensors)

    assert again.nodes == net.nodes
    assert again.n_parameters == 4 * 2 + 2 + 4


def test_endless_trees_are_refused_before_they_are_walked() -> None:
    node, tensors = BY_HAND.node("trees")
    loop = {**tensors, "trees.left": np.array([0, -2], np.int32)}

    with pytest.raises(InvalidNetwork, match="deeper than 64 or reaches a split twice"):
        tree_walk.compiled(node, loop)
