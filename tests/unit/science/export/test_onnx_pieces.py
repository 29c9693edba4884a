"""Piecewise linear nodes of an ONNX file give what the table of lines gives."""

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import helper

from app.science.export import onnx_network
from app.science.export.onnx_builder import DOUBLE, FLOAT, GraphBuilder, Value
from app.science.relu_network.network import Network, Node
from tests.unit.science.relu_network import test_pieces as cases

Floats = NDArray[np.float64]
ALL = {**cases.REGULAR, **cases.IRREGULAR}


def session(net: Network, dtype: int = DOUBLE) -> ort.InferenceSession:
    """The network as a file of its own, from x (N, p) to y (N, c)."""
    graph = GraphBuilder()
    output = onnx_network.add_network(graph, net, Value("x", dtype))
    graph.add("Identity", [output], name="y")
    x = helper.make_tensor_value_info("x", dtype, ["N", net.input_dim])
    y = helper.make_tensor_value_info("y", DOUBLE, ["N", None])
    model = graph.model([x], [y], {})
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def answers(net: Network, x: NDArray[np.generic]) -> Floats:
    dtype = FLOAT if x.dtype == np.float32 else DOUBLE
    return np.asarray(session(net, dtype).run(None, {"x": x})[0])


def operators(net: Network) -> set[str]:
    graph = GraphBuilder()
    onnx_network.add_network(graph, net, Value("x", DOUBLE))
    return {node.op_type for node in graph.nodes}


@pytest.mark.parametrize("name", ALL)
def test_doubles_agree_at_and_around_all_knots(name: str) -> None:
    net, x = cases.wave(ALL[name]), cases.around(ALL[name])
    expected = cases.by_search(net, x)

    found = answers(net, x[:, None])[:, 0]

    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("n_pieces", [1024, 16_384])
def test_profiles_agree_in_both_types(n_pieces: int) -> None:
    net = cases.profile("laplace", n_pieces)
    x = cases.around(net.tensors["wave.knots"])[:, None]
    x = x[x >= 0.0][:, None]
    single = x.astype(np.float32)

    in_double, in_single = answers(net, x), answers(net, single)

    assert "Log" in operators(net)
    assert np.abs(in_double - cases.by_search(net, x)).max() <= 1e-12
    assert np.abs(in_single - cases.by_search(net, single.astype(np.float64))).max() <= 5e-7


def test_a_wave_keeps_its_digits_where_offsets_cancel() -> None:
    knots = np.linspace(0.0, 100.0, 1001)
    bends = np.full(1001, 20.0) * (-1.0) ** np.arange(1001)
    node = Node("wave", "pwl", ("x",), {"intercept": 0.0, "slope": -10.0})
    net = cases.network(node, knots, bends)
    x = np.random.default_rng(0).uniform(0, 100, size=(500, 1)).astype(np.float32)

    found = answers(net, x)

    assert np.abs(found - cases.by_search(net, x.astype(np.float64))).max() <= 1e-6


@pytest.mark.parametrize("name", ["geometric", "equal", "random"])
def test_what_is_no_number_stays_none(name: str) -> None:
    found = answers(cases.wave(ALL[name]), np.array([[np.nan], [1.0]]))

    assert np.isnan(found[:, 0]).tolist() == [True, False]


@pytest.mark.parametrize("name", ["geometric", "random", "none"])
def test_no_rows_give_no_answers(name: str) -> None:
    assert answers(cases.wave(ALL[name]), np.empty((0, 1))).shape == (0, 1)


def joined(n_units: int) -> Network:
    """x -> relu; concat(x, relu) -> affine of ``n_units``."""
    rng = np.random.default_rng(2)
    nodes = (
        Node("bend", "relu", ("x",)),
        Node("both", "concat", ("x", "bend")),
        Node("mix", "affine", ("both",)),
    )
    tensors = {"mix.weight": rng.normal(size=(n_units, 6)), "mix.bias": rng.normal(size=n_units)}
    classes = tuple(map(str, range(n_units)))
    return Network("multiclass", 3, "mix", classes, nodes, tensors)


@pytest.mark.parametrize(("n_units", "copies"), [(2, False), (8, True)])
def test_a_narrowing_layer_reads_the_parts_of_what_it_joins(n_units: int, copies: bool) -> None:
    net = joined(n_units)
    x = np.random.default_rng(3).normal(size=(20, 3))

    found = answers(net, x)

    by_hand = np.hstack([x, np.maximum(x, 0.0)]) @ net.tensors["mix.weight"].T
    assert found == pytest.approx(by_hand + net.tensors["mix.bias"], abs=1e-12)
    assert ("Concat" in operators(net)) == copies
