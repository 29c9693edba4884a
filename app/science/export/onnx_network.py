"""A network's nodes as ONNX nodes.

``pwl``, a sum of ReLUs, is looked up by its pieces, as in the other evaluations: the same function
in O(log l) steps a value. Written out as ReLUs, onnxruntime held one array a knot: 10,000 rows, 300
units and 300 knots took 7 GB and 10 to 20 s; by pieces 0.2 GB and 0.6 s. It runs in double
precision, because offsets of a wave are large numbers that cancel.

``trees`` is a TreeEnsembleRegressor on doubles that were rounded to float32: it then compares as
the other evaluations do, and adds in double precision instead of single.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from app.science.export import onnx_trees
from app.science.export.onnx_builder import BOOL, DOUBLE, FLOAT, INT64, GraphBuilder, Value
from app.science.relu_network.network import INPUT, Network, Node


def add_network(graph: GraphBuilder, network: Network, x: Value) -> Value:
    """Nodes for the network; returns its output as a double (N, c)."""
    values = {INPUT: x}
    for node in network.nodes:
        inputs = [values[name] for name in node.inputs]
        values[node.name] = _add_node(graph, network, node, inputs)
    return graph.cast(values[network.output], DOUBLE)


def _add_node(graph: GraphBuilder, network: Network, node: Node, inputs: list[Value]) -> Value:
    first = inputs[0]
    match node.op:
        case "affine":
            weight, bias = (network.tensors[node.tensor(role)] for role in ("weight", "bias"))
            w, b = graph.constant(weight), graph.constant(bias)
            result = graph.add("Gemm", [graph.cast(first, w.dtype), w, b], w.dtype, transB=1)
        case "relu":
            result = graph.add("Relu", [first])
        case "clip":
            limits = [graph.scalar(node.attributes[name], first) for name in ("low", "high")]
            result = graph.add("Clip", [first, *limits])
        case "concat":
            result = graph.add("Concat", _same_type(graph, inputs), axis=1)
        case "add":
            result = graph.add("Sum", _same_type(graph, inputs))
        case _:
            result = _curve(graph, network, node, first)
    return result


def _curve(graph: GraphBuilder, network: Network, node: Node, x: Value) -> Value:
    if node.op == "square":
        return _square(graph, node.attributes["pieces"], x)
    if node.op == "pwl":
        return _piecewise_linear(graph, network, node, x)
    return _trees(graph, network, node, x)


def _same_type(graph: GraphBuilder, inputs: list[Value]) -> list[Value]:
    wide = DOUBLE if any(value.dtype == DOUBLE for value in inputs) else FLOAT
    return [graph.cast(value, wide) for value in inputs]


def _piecewise_linear(graph: GraphBuilder, network: Network, node: Node, x: Value) -> Value:
    roles = ("knots", "coefficients")
    knots, bends = (network.tensors[node.tensor(role)].astype(np.float64) for role in roles)
    order = np.argsort(knots, kind="stable")
    knots, bends = knots[order], bends[order]
    # Piece i, right of knot i - 1, is offsets[i] + slopes[i] * x.
    slopes = node.attributes["slope"] + np.concatenate([[0.0], np.cumsum(bends)])
    offsets = node.attributes["intercept"] - np.concatenate([[0.0], np.cumsum(bends * knots)])
    wide = graph.cast(x, DOUBLE)
    piece = _piece(graph, knots, wide)
    slope, offset = (
        graph.add("Gather", [graph.constant(table), piece], DOUBLE) for table in (slopes, offsets)
    )
    total = graph.add("Add", [graph.add("Mul", [slope, wide]), offset])
    return graph.cast(total, x.dtype)


def _piece(graph: GraphBuilder, knots: NDArray[np.float64], x: Value) -> Value:
    """How many of the ascending knots lie at or below x, by halving steps; int64, as x."""
    n_steps = len(knots).bit_length()
    beyond = np.full((1 << n_steps) - 1 - len(knots), np.inf)
    starts = graph.constant(np.concatenate([[-np.inf], knots, beyond]))
    zero = numpy_helper.from_array(np.zeros(1, dtype=np.int64))
    piece = graph.add("ConstantOfShape", [graph.add("Shape", [x], INT64)], INT64, value=zero)
    for power in reversed(range(n_steps)):
        step = graph.constant(np.array(1 << power, dtype=np.int64))
        further = graph.add("Add", [piece, step])
        start = graph.add("Gather", [starts, further], DOUBLE)
        reached = graph.add("GreaterOrEqual", [x, start], BOOL)
        piece = graph.add("Where", [reached, further, piece], INT64)
    return piece


def _square(graph: GraphBuilder, pieces: float, x: Value) -> Value:
    """The polygon through (i / K, (i / K)^2) by its cell, as in the other evaluations."""
    cells = graph.add("Mul", [graph.add("Abs", [x]), graph.scalar(pieces, x)])
    whole = graph.add("Floor", [cells])
    slope = graph.add("Add", [graph.add("Add", [whole, whole]), graph.scalar(1.0, x)])
    rest = graph.add("Mul", [graph.add("Sub", [cells, whole]), slope])
    total = graph.add("Add", [graph.add("Mul", [whole, whole]), rest])
    return graph.add("Div", [total, graph.scalar(pieces**2, x)])


def _trees(graph: GraphBuilder, network: Network, node: Node, x: Value) -> Value:
    rounded = graph.cast(graph.cast(x, FLOAT), DOUBLE)
    table = onnx_trees.attributes(node, network.tensors)
    return graph.add("TreeEnsembleRegressor", [rounded], FLOAT, domain="ai.onnx.ml", **table)
