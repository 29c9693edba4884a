"""The rounding bound holds for every operation, and says so where it cannot."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import INPUT, Network, Node
from app.science.relu_network.polygon import polygon
from app.science.relu_network.rounding import NotBounded, rounding


def network(seed: int) -> Network:
    """Every operation that is continuous, with knots out of order and single-precision tensors."""
    rng = np.random.default_rng(seed)
    nodes = (
        Node("mix", "affine", (INPUT,)),
        Node("clip", "clip", ("mix",), {"low": -1.5, "high": 2.0}),
        Node("wave", "pwl", ("clip",), {"intercept": 0.3, "slope": -2.0}),
        Node("relu", "relu", ("mix",)),
        Node("sum", "add", ("wave", "relu", "mix")),
        Node("both", "concat", ("sum", INPUT)),
        Node("out", "affine", ("both",)),
    )
    tensors = {
        "mix.weight": rng.normal(size=(7, 3)),
        "mix.bias": rng.normal(size=7),
        "wave.knots": rng.normal(size=9),
        "wave.coefficients": rng.normal(size=9),
        "out.weight": rng.normal(size=(1, 10)),
        "out.bias": rng.normal(size=1),
    }
    single = {name: np.asarray(value, np.float32) for name, value in tensors.items()}
    return Network("regression", 3, "out", (), nodes, single)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1e-3, 1.0, 1e3]))
def test_single_precision_stays_within_its_bound(seed: int, size: float) -> None:
    net = network(seed)
    rows = np.random.default_rng(seed + 1).uniform(-size, size, (500, 3))
    reach = np.full(3, size)

    single, double = (predict_raw(net, rows, dtype=t) for t in (torch.float32, torch.float64))
    coarse, fine = (rounding(net, reach, unit) for unit in (2.0**-24, 2.0**-53))

    assert 0.0 < np.abs(single - double).max() <= (coarse + fine)[0]
    assert coarse[0] < 300.0 * np.abs(single - double).max()
    assert fine[0] < 1e-6 * coarse[0]


def test_a_proved_range_tightens_the_bound() -> None:
    net = network(0)
    loose = rounding(net, np.full(3, 1.0), 2.0**-24)
    tight = rounding(net, np.full(3, 1.0), 2.0**-24, {"clip": (-0.1, 0.1)})

    assert tight[0] < loose[0]


def test_trees_jump_so_their_rounding_has_no_bound() -> None:
    net = Network(
        task="regression",
        input_dim=1,
        output="trees",
        classes=(),
        nodes=(Node("trees", "trees", (INPUT,)),),
        tensors={
            "trees.feature": np.array([0]),
            "trees.threshold": np.array([0.5], np.float32),
            "trees.left": np.array([-1]),
            "trees.right": np.array([-2]),
            "trees.root": np.array([0]),
            "trees.value": np.array([[0.0], [1.0]]),
        },
    )

    with pytest.raises(NotBounded, match="jump"):
        rounding(net, np.ones(1), 2.0**-53)


def test_a_polygon_is_its_sum_of_shifted_relus() -> None:
    net = network(4)
    graph = polygon(net.nodes[2], net)
    start, end, offset, slope = graph.pieces(-3.0, 3.0)
    t = np.stack([start, (start + end) / 2.0, end])

    knots, steps = net.tensors["wave.knots"], net.tensors["wave.coefficients"]
    hinges = np.maximum(t[..., None] - knots.astype(float), 0.0) @ steps.astype(float)
    wanted = 0.3 - 2.0 * t + hinges

    assert offset + slope * t == pytest.approx(wanted, abs=1e-12)
    assert start[0] == -3.0
    assert end[-1] == 3.0
    assert (end[:-1] == start[1:]).all()
    assert graph.largest(-3.0, 3.0) == pytest.approx(np.abs(wanted).max())
