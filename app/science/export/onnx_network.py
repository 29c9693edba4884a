"""A network's nodes as ONNX nodes.

``pwl``, a sum of ReLUs, is looked up by its pieces, as in the other evaluations. Written out as
ReLUs, onnxruntime held one array a knot: 10,000 rows, 300 units and 300 knots took 7 GB and 10 to
20 s.

``trees`` is a TreeEnsembleRegressor on doubles that were rounded to float32: it then compares as
the other evaluations do, and adds in double precision instead of single.
"""

from dataclasses import replace

import numpy as np

from app.science.export import network_shapes, onnx_trees
from app.science.export.onnx_answer import add_answer
from app.science.export.onnx_builder import DOUBLE, FLOAT, GraphBuilder, Value
from app.science.export.onnx_pieces import add_pieces
from app.science.relu_network import pieces
from app.science.relu_network.network import INPUT, Network, Node


def add_network(graph: GraphBuilder, network: Network, x: Value) -> Value:
    """Nodes for the network; returns its output as a double (N, c)."""
    values = {INPUT: x}
    apart = _left_apart(network)
    widths = network_shapes.widths(network)
    for node in network.nodes:
        if node.name in apart:
            continue
        if node.op == "affine":
            sources = apart.get(node.inputs[0], node.inputs)
            parts = [(values[name], widths[name]) for name in sources]
            values[node.name] = _affine(graph, network, node, parts)
            continue
        inputs = [values[name] for name in node.inputs]
        values[node.name] = _add_node(graph, network, node, inputs)
    return graph.cast(values[network.output], DOUBLE)


def add_head(graph: GraphBuilder, head: Network, features: Value) -> list[object]:
    """Nodes for a network over features in single precision, in double, and for its answer.

    Returns the outputs, see ``add_answer``.
    """
    tensors = {name: np.asarray(t, np.float64) for name, t in head.tensors.items()}
    output = add_network(graph, replace(head, tensors=tensors), graph.cast(features, DOUBLE))
    return add_answer(graph, output, head.task, head.classes)


def _left_apart(network: Network) -> dict[str, tuple[str, ...]]:
    """The parts of each ``concat`` that only narrowing ``affine`` nodes read.

    Those add the products of the parts instead, which saves a copy of all columns. A widening one
    would pay for it with a second pass over its own output.
    """
    apart = {node.name: node.inputs for node in network.nodes if node.op == "concat"}
    apart.pop(network.output, None)
    for node in network.nodes:
        shape = network.tensors[node.tensor("weight")].shape if node.op == "affine" else (1, 0)
        if shape[0] >= shape[1]:
            for name in node.inputs:
                apart.pop(name, None)
    return apart


def _affine(
    graph: GraphBuilder, network: Network, node: Node, parts: list[tuple[Value, int]]
) -> Value:
    weight, bias = (network.tensors[node.tensor(role)] for role in ("weight", "bias"))
    total, start = graph.constant(bias), 0
    for value, width in parts:
        w = graph.constant(weight[:, start : start + width])
        total = graph.add("Gemm", [graph.cast(value, w.dtype), w, total], w.dtype, transB=1)
        start += width
    return total


def _add_node(graph: GraphBuilder, network: Network, node: Node, inputs: list[Value]) -> Value:
    first = inputs[0]
    match node.op:
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
        return add_pieces(graph, pieces.compiled(node, network.tensors), x)
    return _trees(graph, network, node, x)


def _same_type(graph: GraphBuilder, inputs: list[Value]) -> list[Value]:
    wide = DOUBLE if any(value.dtype == DOUBLE for value in inputs) else FLOAT
    return [graph.cast(value, wide) for value in inputs]


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
