"""Regular knots are recognized, and lead every value to the line a search would find."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.science.mimicry.kernels import KERNELS, KernelName
from app.science.mimicry.motif import pwl_node
from app.science.mimicry.motifs.radial import profile_knots
from app.science.relu_network import evaluate, pieces
from app.science.relu_network.network import Network, Node

Floats = NDArray[np.float64]

REGULAR = {
    "equal": np.linspace(-6.0, 6.0, 40),
    "three": np.array([-1.0, 0.0, 1.0]),
    "geometric": 1e-3 * 1.01 ** np.arange(500.0),
    "geometric far from zero": -5.0 + 1.5 ** np.arange(30.0),
}
IRREGULAR = {
    "none": np.empty(0),
    "two": np.array([0.0, 1.0]),
    "squares": np.linspace(0.0, 1.0, 30) ** 2,
    "random": np.sort(np.random.default_rng(0).normal(size=30)),
    "repeated": np.array([0.0, 1.0, 1.0, 2.0]),
    "all one": np.ones(5),
    "finer than float32": 1e6 + np.arange(64.0) / 64.0,
    "beyond float32": 1e300 * np.arange(1.0, 9.0),
    "denser upward": -(2.0 ** -np.arange(20.0)),
}


def wave(knots: Floats) -> Network:
    """One pwl node with random coefficients."""
    bends = np.random.default_rng(1).normal(size=len(knots))
    return network(Node("wave", "pwl", ("x",), {"intercept": 0.3, "slope": -0.5}), knots, bends)


def profile(kernel: KernelName, n_pieces: int) -> Network:
    node, tensors = pwl_node("wave", "x", *profile_knots(KERNELS[kernel], n_pieces))
    return network(node, tensors["wave.knots"], tensors["wave.coefficients"])


def network(node: Node, knots: Floats, bends: Floats) -> Network:
    tensors = {"wave.knots": knots, "wave.coefficients": bends}
    return Network("regression", 1, "wave", (), (node,), tensors)


def around(knots: Floats) -> Floats:
    """Values at, just beside and between all knots, below the first and beyond the last."""
    if not len(knots):
        return np.linspace(-3.0, 3.0, 20)
    span = float(np.ptp(knots)) or 1.0
    outer = [knots[0] - span * np.geomspace(1e-9, 10, 40), knots[-1] + span * np.geomspace(1, 9, 9)]
    near = [knots * (1.0 + step) for step in (-1e-6, -1e-12, 1e-12, 1e-6)]
    last_digit = [np.nextafter(knots, -np.inf), np.nextafter(knots, np.inf)]
    between = (knots[1:] + knots[:-1]) / 2.0
    return np.concatenate([knots, *outer, *near, *last_digit, between])


def by_search(net: Network, x: Floats) -> Floats:
    table = pieces.compiled(net.nodes[0], net.tensors)
    piece = np.searchsorted(table.knots, x)
    return np.asarray(table.offsets[piece] + table.slopes[piece] * x)


@pytest.mark.parametrize("kernel", ["laplace", "gauss"])
@pytest.mark.parametrize("n_pieces", [1024, 16_384])
def test_the_knots_of_profiles_are_recognized(kernel: KernelName, n_pieces: int) -> None:
    net = profile(kernel, n_pieces)
    table = pieces.compiled(net.nodes[0], net.tensors)

    law = pieces.spacing(table.knots)

    assert law is not None
    assert law.geometric
    assert not table.cancels
    x = around(table.knots)
    x = x[x >= 0.0]
    in_torch = evaluate.predict_raw(net, x[:, None])[:, 0]
    assert np.abs(in_torch - by_search(net, x)).max() <= 1e-12


def test_the_last_lines_keep_their_digits() -> None:
    knots, values = profile_knots(KERNELS["laplace"], 16_384)
    net = profile("laplace", 16_384)

    assert by_search(net, knots) == pytest.approx(values, abs=1e-10)


@pytest.mark.parametrize("name", REGULAR)
def test_a_regular_node_is_what_a_search_finds(name: str) -> None:
    net, x = wave(REGULAR[name]), around(REGULAR[name])
    expected = by_search(net, x)

    law = pieces.spacing(REGULAR[name])

    assert law is not None
    assert law.geometric == name.startswith("geometric")
    in_torch = evaluate.predict_raw(net, x[:, None])[:, 0]
    assert np.abs(in_torch - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("name", IRREGULAR)
def test_other_knots_are_searched(name: str) -> None:
    net, x = wave(IRREGULAR[name]), around(IRREGULAR[name])
    expected = by_search(net, x)

    assert pieces.spacing(IRREGULAR[name]) is None
    in_torch = evaluate.predict_raw(net, x[:, None])[:, 0]
    assert np.abs(in_torch - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_is_the_slope_of_the_piece(dtype: torch.dtype) -> None:
    net = profile("laplace", 256)
    table = pieces.compiled(net.nodes[0], net.tensors)
    middle = (table.knots[1:] + table.knots[:-1]) / 2.0
    x = torch.tensor(middle[:, None], dtype=dtype, requires_grad=True)

    evaluate.run(net, evaluate.load(net, dtype=dtype, device="cpu"), x).sum().backward()  # type: ignore[no-untyped-call]

    assert x.grad is not None
    assert x.grad[:, 0].numpy() == pytest.approx(table.slopes[1:-1], rel=1e-6)


def test_what_is_no_number_stays_none() -> None:
    net = wave(REGULAR["geometric"])

    found = evaluate.predict_raw(net, np.array([[np.nan], [np.inf], [-1e300]]))

    assert np.isnan(found[0, 0])
    assert found[2, 0] == pytest.approx(0.5e300)


def test_waves_cancel_and_profiles_do_not() -> None:
    knots = np.linspace(0.0, 100.0, 1001)
    zigzag = np.full(1001, 20.0) * (-1.0) ** np.arange(1001)
    node = Node("wave", "pwl", ("x",), {"intercept": 0.0, "slope": -10.0})

    assert pieces.compiled(node, network(node, knots, zigzag).tensors).cancels
    assert not pieces.compiled(node, wave(np.empty(0)).tensors).cancels
