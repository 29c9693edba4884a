"""The evaluation agrees with the operations' definitions in plain numpy."""

import numpy as np
import pytest
import torch

from app.science.relu_network import evaluate
from app.science.relu_network.network import Network, Node


def small_network(rng: np.random.Generator) -> Network:
    nodes = (
        Node("a", "affine", ("x",)),
        Node("box", "clip", ("a",), {"low": -1.0, "high": 1.0}),
        Node("bend", "pwl", ("box",), {"intercept": 0.3, "slope": -0.5}),
        Node("kink", "relu", ("a",)),
        Node("sum", "add", ("bend", "kink")),
        Node("all", "concat", ("x", "sum")),
        Node("head", "affine", ("all",)),
    )
    tensors = {
        "a.weight": rng.normal(size=(5, 3)),
        "a.bias": rng.normal(size=5),
        "bend.knots": np.array([0.4, -0.7, 0.1]),  # any order is allowed
        "bend.coefficients": np.array([1.5, -2.0, 0.7]),
        "head.weight": rng.normal(size=(2, 8)),
        "head.bias": rng.normal(size=2),
    }
    return Network("binary", 3, "head", ("no", "yes"), nodes, tensors)


def by_definition(net: Network, rows: np.ndarray) -> np.ndarray:
    t = net.tensors
    a = rows @ t["a.weight"].T + t["a.bias"]
    box = np.clip(a, -1.0, 1.0)
    bend = 0.3 - 0.5 * box
    for knot, c in zip(t["bend.knots"], t["bend.coefficients"], strict=True):
        bend = bend + c * np.maximum(box - knot, 0.0)
    features = np.hstack([rows, bend + np.maximum(a, 0.0)])
    return np.asarray(features @ t["head.weight"].T + t["head.bias"])


def test_equals_the_definition_in_float64() -> None:
    rng = np.random.default_rng(0)
    net, rows = small_network(rng), rng.normal(size=(50, 3))

    raw = evaluate.predict_raw(net, rows, dtype=torch.float64)

    assert raw == pytest.approx(by_definition(net, rows), abs=1e-12)


def test_does_not_depend_on_the_block() -> None:
    rng = np.random.default_rng(1)
    net, rows = small_network(rng), rng.normal(size=(50, 3))

    whole = evaluate.predict_raw(net, rows, dtype=torch.float64, block_rows=50)
    parts = evaluate.predict_raw(net, rows, dtype=torch.float64, block_rows=7)

    assert parts == pytest.approx(whole, abs=1e-12)


def test_probabilities_sum_to_one() -> None:
    rng = np.random.default_rng(2)
    net = small_network(rng)

    assert evaluate.predict(net, rng.normal(size=(9, 3))).sum(axis=1) == pytest.approx(np.ones(9))


def test_no_rows_give_no_predictions() -> None:
    net = small_network(np.random.default_rng(3))

    assert evaluate.predict_raw(net, np.empty((0, 3))).shape == (0, 2)


def test_a_block_fits_its_budget() -> None:
    net = small_network(np.random.default_rng(4))

    rows = evaluate.default_block_rows(net, budget_bytes=160_000)

    assert rows == 160_000 // (evaluate.LIVE_COPIES * 5 * 4)
