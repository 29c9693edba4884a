"""The width of every node, and with it whether a network that came from a file is sound."""

import math
from typing import Any

from app.science.errors import InvalidNetwork
from app.science.relu_network import tree_walk
from app.science.relu_network.network import INPUT, N_TENSORS, Network, Node

MAX_NODES = 4096
MAX_WIDTH = 1 << 20
MAX_PIECES = 1 << 20

_ATTRIBUTES = {"clip": ("low", "high"), "square": ("pieces",), "pwl": ("intercept", "slope")}
_N_INPUTS = {"affine": 1, "relu": 1, "clip": 1, "square": 1, "pwl": 1, "trees": 1}


def widths(network: Network) -> dict[str, int]:
    """Columns of the input and of every node's output.

    Raises
    ------
    InvalidNetwork
        Shapes or attributes do not fit, or a width leaves the bounds. Sixty ``concat`` nodes of
        a few bytes could otherwise ask for 2^60 columns.
    """
    if not 0 < len(network.nodes) <= MAX_NODES:
        raise InvalidNetwork(f"{len(network.nodes)} nodes, allowed are 1 to {MAX_NODES}")
    known = {INPUT: _bounded(INPUT, network.input_dim)}
    for node in network.nodes:
        if node.name in known:
            raise InvalidNetwork(f"two nodes are named {node.name!r}")
        _check_attributes(node)
        known[node.name] = _bounded(node.name, _width(network, node, known))
    _check_output(network, known[network.output])
    return known


def _bounded(name: str, width: int) -> int:
    if not 0 < width <= MAX_WIDTH:
        raise InvalidNetwork(f"{name!r} has {width} columns, allowed are 1 to {MAX_WIDTH}")
    return width


def _check_attributes(node: Node) -> None:
    wanted = _ATTRIBUTES.get(node.op, ())
    values: list[Any] = [node.attributes.get(name) for name in wanted]
    if not all(type(value) in {int, float} and math.isfinite(value) for value in values):
        raise InvalidNetwork(f"node {node.name!r} needs finite numbers {wanted}")
    if node.op == "square" and not 1 <= values[0] <= MAX_PIECES:
        raise InvalidNetwork(f"node {node.name!r} needs 1 to {MAX_PIECES} pieces, got {values[0]}")
    n_inputs = _N_INPUTS.get(node.op)
    if not node.inputs or (n_inputs is not None and len(node.inputs) != n_inputs):
        raise InvalidNetwork(f"node {node.name!r} reads {len(node.inputs)} inputs")


def _width(network: Network, node: Node, known: dict[str, int]) -> int:
    inputs = [known[name] for name in node.inputs]
    if node.op == "trees":
        tree_walk.check(node, network.tensors, inputs[0])
        return int(network.tensors[node.tensor("value")].shape[1])
    tensors = [network.tensors[node.tensor(role)] for role in N_TENSORS[node.op]]
    if any(tensor.dtype.kind != "f" for tensor in tensors):
        raise InvalidNetwork(f"node {node.name!r} computes with real numbers")
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if node.op == "affine":
        weight, bias = shapes
        if len(weight) != 2 or weight[1] != inputs[0] or bias != weight[:1]:
            raise InvalidNetwork(f"node {node.name!r}: {weight} and {bias} on {inputs[0]} columns")
        return int(weight[0])
    if node.op == "pwl" and (len(shapes[0]) != 1 or shapes[0] != shapes[1]):
        raise InvalidNetwork(f"node {node.name!r}: knots {shapes[0]}, coefficients {shapes[1]}")
    if node.op == "add" and len(set(inputs)) > 1:
        raise InvalidNetwork(f"node {node.name!r} adds widths {inputs}")
    return sum(inputs) if node.op == "concat" else inputs[0]


def _check_output(network: Network, width: int) -> None:
    n_classes = len(network.classes)
    expected = {
        "regression": n_classes == 0,
        "binary": n_classes == 2,
        "multiclass": n_classes >= 2,
    }
    if not expected.get(network.task, False) or len(set(network.classes)) < n_classes:
        raise InvalidNetwork(f"task {network.task!r} with {n_classes} classes")
    if width != max(n_classes, 1):
        raise InvalidNetwork(f"{width} outputs for task {network.task!r} and {n_classes} classes")
    weights = network.class_weights
    if weights and (len(weights) != n_classes or not all(0.0 < w < math.inf for w in weights)):
        raise InvalidNetwork(f"class weights are one finite number above 0 for each of {n_classes}")
