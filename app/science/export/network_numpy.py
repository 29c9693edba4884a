"""Evaluate a network in numpy, a block of rows at a time.

A node computes in the type of its weights. A package stores them in float32, except the last
ones before the output: in float64 a target with a large offset keeps its digits. Indices
of trees are whole numbers and their thresholds float32 by definition.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from app.science.export import network_shapes
from app.science.relu_network import tree_walk
from app.science.relu_network.network import INPUT, N_TENSORS, Array, Network, Node

BLOCK_NUMBERS = 1 << 22
MAX_BLOCK_ROWS = 4096
FIXED_TYPES: dict[str, type[np.generic]] = {
    "threshold": np.float32,
    **dict.fromkeys(("feature", "left", "right", "root"), np.int32),
}


def stored(network: Network, precision: DTypeLike = np.float32) -> Network:
    """The network with its tensors in the types that a package stores.

    Parameters
    ----------
    precision : type of all weights but the last, which are always float64
    """
    last = _last_weights(network)
    tensors = {}
    for node in network.nodes:
        wide = node.op == "pwl" or node.name in last
        for role in N_TENSORS[node.op]:
            name, dtype = node.tensor(role), np.float64 if wide else precision
            tensors[name] = network.tensors[name].astype(FIXED_TYPES.get(role, dtype))
    return replace(network, tensors=tensors)


def precision(network: Network) -> str:
    """The ``precision`` that a network was stored in."""
    by_role = ((name.rpartition(".")[2], tensor) for name, tensor in network.tensors.items())
    return min(str(tensor.dtype) for role, tensor in by_role if role not in FIXED_TYPES)


def block_rows(network: Network) -> int:
    """How many rows to evaluate at a time, so that all nodes' outputs stay small."""
    total = sum(network_shapes.widths(network).values())
    return int(np.clip(BLOCK_NUMBERS // total, 1, MAX_BLOCK_ROWS))


def evaluate(network: Network, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Output of the network for one block.

    Parameters
    ----------
    x : (b, p), encoded

    Returns
    -------
    (b, c), the prediction in the target's unit, or logits
    """
    values: dict[str, Array] = {INPUT: x}
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the result
        for node in network.nodes:
            inputs = [values[name] for name in node.inputs]
            values[node.name] = _apply(network, node, inputs)
    return np.asarray(values[network.output], dtype=np.float64)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities by row, (n, c)."""
    if logits.size == 0:
        return logits
    with np.errstate(invalid="ignore"):  # infinite logits show as NaN
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _last_weights(network: Network) -> set[str]:
    """The ``affine`` and ``trees`` nodes with none of their kind before the output."""
    by_name = {node.name: node for node in network.nodes}
    found, waiting, seen = set(), [network.output], set()
    while waiting:
        node = by_name.get(waiting.pop())
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op in {"affine", "trees"}:
            found.add(node.name)
        else:
            waiting.extend(node.inputs)
    return found


def _apply(network: Network, node: Node, inputs: list[Array]) -> Array:
    first = inputs[0]
    match node.op:
        case "affine":
            weight = network.tensors[node.tensor("weight")]
            bias = network.tensors[node.tensor("bias")]
            result = first.astype(weight.dtype, copy=False) @ weight.T + bias
        case "relu":
            result = np.maximum(first, first.dtype.type(0))
        case "clip":
            low, high = (first.dtype.type(node.attributes[name]) for name in ("low", "high"))
            result = np.clip(first, low, high)
        case "concat":
            result = np.concatenate(inputs, axis=-1)
        case "add":
            result = sum(inputs[1:], start=first)
        case _:
            result = _curve(network, node, first)
    return np.asarray(result)


def _curve(network: Network, node: Node, x: Array) -> Array:
    if node.op == "square":
        return _square(x, x.dtype.type(node.attributes["pieces"]))
    if node.op == "pwl":
        return _piecewise_linear(network, node, x)
    return tree_walk.evaluate(node, network.tensors, x)


def _square(x: Array, pieces: float) -> Array:
    cells = np.abs(x) * pieces
    whole = np.floor(cells)
    return np.asarray((whole * whole + (cells - whole) * (2 * whole + 1)) / (pieces * pieces))


def _piecewise_linear(network: Network, node: Node, x: Array) -> Array:
    """Sum of ReLUs by interpolation: no (b, units, knots) array, and no cancellation.

    Between two knots the sum is a straight line, so its values at the knots and the two outer
    slopes say everything.
    """
    knots, where = np.unique(network.tensors[node.tensor("knots")], return_inverse=True)
    intercept, slope = node.attributes["intercept"], node.attributes["slope"]
    if not len(knots):
        return np.asarray(intercept + slope * x, dtype=x.dtype)
    bends = np.bincount(where, weights=network.tensors[node.tensor("coefficients")])
    slopes = slope + np.cumsum(bends)  # (l,) right of each knot
    at_knots = np.cumsum([intercept + slope * knots[0], *(slopes[:-1] * np.diff(knots))])
    inside = np.interp(x, knots, at_knots)
    left = slope * np.minimum(x - knots[0], 0.0)
    right = slopes[-1] * np.maximum(x - knots[-1], 0.0)
    return np.asarray(inside + left + right, dtype=x.dtype)
