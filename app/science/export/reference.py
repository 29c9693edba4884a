"""What the trained network computes, in float64 and straight from the definitions.

It shares no arithmetic with the reader of packages, so that one can prove the other.
"""

import math

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.encoding import CategoricalColumn, NumericColumn
from app.science.export.trained_model import TrainedModel
from app.science.relu_network.network import INPUT, N_TENSORS, Network, Node

Array = NDArray[np.float64]


def outputs(model: TrainedModel) -> Array:
    """Predictions (n, 1), or probabilities (n, c), on the golden rows."""
    x = _encoded(model)
    values: dict[str, Array] = {INPUT: x}
    for node in model.network.nodes:
        values[node.name] = _value(model.network, node, [values[name] for name in node.inputs])
    result = values[model.network.output]
    if model.network.task == "regression":
        return result
    powers = np.exp(result - result.max(axis=1)[:, None])
    return np.asarray(powers / powers.sum(axis=1)[:, None])


def _encoded(model: TrainedModel) -> Array:
    golden, outputs_of = model.golden_columns, []
    for column in model.encoding.columns:
        cells = golden[column.name]
        if isinstance(column, CategoricalColumn):
            outputs_of.append(np.array([_vector(column, cell) for cell in cells]))
        else:
            outputs_of.append(np.array([_numbers(column, cell) for cell in cells]))
    return np.concatenate(outputs_of, axis=1)


def _vector(column: CategoricalColumn, cell: str | None) -> Array:
    if cell is None:
        return np.asarray(column.table[-1])
    return np.asarray(column.table[column.levels.index(cell) if cell in column.levels else -2])


def _numbers(column: NumericColumn, cell: float) -> list[float]:
    missing = bool(np.isnan(cell))
    z = ((column.fill if missing else float(cell)) - column.center) / column.scale
    z = min(max(z, column.low), column.high)
    if column.knots:
        z = _bent(column, z)
    return [z, float(missing)] if column.missing_flag else [z]


def _bent(column: NumericColumn, z: float) -> float:
    """The column's polygon as a sum of ReLUs."""
    slopes = np.diff(column.values) / np.diff(column.knots)
    total = column.values[0] + slopes[0] * (z - column.knots[0])
    for knot, bend in zip(column.knots[1:-1], np.diff(slopes), strict=True):
        total += bend * max(z - knot, 0.0)
    return float(total)


def _value(network: Network, node: Node, inputs: list[Array]) -> Array:
    x = inputs[0]
    match node.op:
        case "affine":
            weight, bias = _tensors(network, node, "weight", "bias")
            result = x @ weight.T + bias
        case "relu":
            result = np.where(x > 0, x, 0.0)
        case "clip":
            result = np.minimum(np.maximum(x, node.attributes["low"]), node.attributes["high"])
        case "concat":
            result = np.concatenate(inputs, axis=1)
        case "add":
            result = np.sum(inputs, axis=0)
        case _:
            result = _curve(network, node, x)
    return np.asarray(result)


def _curve(network: Network, node: Node, x: Array) -> Array:
    if node.op == "pwl":
        return _hinges(network, node, x)
    if node.op == "trees":
        return _trees(network, node, x)
    pieces = int(node.attributes["pieces"])
    grid = np.arange(math.ceil(float(np.abs(x).max(initial=0.0)) * pieces) + 2.0)
    return np.asarray(np.interp(np.abs(x) * pieces, grid, grid**2) / pieces**2)


def _hinges(network: Network, node: Node, x: Array) -> Array:
    """The hinges below x: their coefficients' sum times x, less that of coefficient times knot."""
    knots, coefficients = _tensors(network, node, "knots", "coefficients")
    order = np.argsort(knots)
    knots, coefficients = knots[order], coefficients[order]
    below = np.searchsorted(knots, x)
    slopes, offsets = (
        np.append(0.0, np.cumsum(part)) for part in (coefficients, coefficients * knots)
    )
    line = node.attributes["intercept"] + node.attributes["slope"] * x
    return np.asarray(line + slopes[below] * x - offsets[below])


def _trees(network: Network, node: Node, x: Array) -> Array:
    of = {role: network.tensors[node.tensor(role)] for role in N_TENSORS["trees"]}
    rounded, threshold = x.astype(np.float32), of["threshold"].astype(np.float32)
    codes = np.tile(of["root"], (len(x), 1))  # (n, trees), leaves are negative
    while (codes >= 0).any():
        inner = np.maximum(codes, 0)
        goes_left = np.take_along_axis(rounded, of["feature"][inner], axis=1) <= threshold[inner]
        codes = np.where(
            codes < 0, codes, np.where(goes_left, of["left"][inner], of["right"][inner])
        )
    return np.asarray(of["value"].astype(np.float64)[-1 - codes].sum(axis=1))


def _tensors(network: Network, node: Node, *roles: str) -> list[Array]:
    return [network.tensors[node.tensor(role)].astype(np.float64) for role in roles]
