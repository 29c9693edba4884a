"""Evaluation of a network in torch, blocked over rows so that memory stays inside a budget.

A ``pwl`` node is read off its table of straight lines, which gives the same numbers as its sum of
shifted ReLUs. The line of a value is found as in ``pieces.py`` where the knots are regular, else by
binary search, at O(log l) instead of O(l) a value. A ``trees`` node is walked as in
``tree_walk.py``.

Source: none; the operations are defined in ``network.py``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.relu_network import pieces, tree_walk
from app.science.relu_network.network import INPUT, N_TENSORS, Network, Node, Task

BUDGET_BYTES = 128 * 2**20
LIVE_COPIES = 4  # the widest layer, its indices, its slopes and the next layer live together

Tensors = Mapping[str, torch.Tensor]


def predict(network: Network, X: NDArray[Any]) -> NDArray[np.float64]:
    """Predict in the target's unit, or class probabilities.

    Parameters
    ----------
    X : (n, p), encoded rows

    Returns
    -------
    (n,) for regression, (n, classes) summing to 1 otherwise
    """
    return answers(network.task, predict_raw(network, X))


def answers(task: Task, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """A network's output (n, c) as ``predict`` gives it: (n,), or (n, classes) probabilities."""
    return raw[:, 0] if task == "regression" else softmax(raw)


def predict_raw(
    network: Network,
    X: NDArray[Any],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    block_rows: int | None = None,
) -> NDArray[np.float64]:
    """The network's output (n, c), computed in ``dtype`` and returned in float64."""
    tensors = load(network, dtype=dtype, device=device)
    step = block_rows or default_block_rows(network, dtype=dtype)
    outputs = [np.empty((0, n_outputs(network)))]
    for start in range(0, len(X), step):
        rows = torch.as_tensor(np.asarray(X[start : start + step]), dtype=dtype, device=device)
        outputs.append(run(network, tensors, rows).double().cpu().numpy())
    return np.concatenate(outputs)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of probabilities (n, c) from rows of logits."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def n_outputs(network: Network) -> int:
    """Width c of the output."""
    return 1 if network.task == "regression" else len(network.classes)


def default_block_rows(
    network: Network, *, dtype: torch.dtype = torch.float32, budget_bytes: int = BUDGET_BYTES
) -> int:
    """Rows a block, so that ``LIVE_COPIES`` of the widest layer fit the budget."""
    biases = [np.size(network.tensors[n.tensor("bias")]) for n in network.nodes if n.op == "affine"]
    widest = max([network.input_dim, *biases])
    return max(16, budget_bytes // (LIVE_COPIES * widest * dtype.itemsize))


def load(network: Network, *, dtype: torch.dtype, device: torch.device | str) -> Tensors:
    """The tensors as torch tensors of one type, plus the tables of ``pwl`` and ``trees`` nodes.

    The tables of trees keep types of their own and stand for all their tensors but ``value``.
    """
    tabled = {
        node.tensor(role)
        for node in network.nodes
        for role in N_TENSORS["trees"][:-1]
        if node.op == "trees"
    }
    tensors = {
        name: torch.as_tensor(np.asarray(value), dtype=dtype, device=device)
        for name, value in network.tensors.items()
        if name not in tabled
    }
    for node in network.nodes:
        if node.op == "pwl":
            tensors.update(_pwl_table(node, network, dtype, device))
        if node.op == "trees":
            tensors.update(_trees_table(node, network, device))
    return tensors


def run(
    network: Network, tensors: Tensors, rows: torch.Tensor, *, output: str | None = None
) -> torch.Tensor:
    """Value of the node ``output`` (by default the network's) for rows (b, p)."""
    wanted = output or network.output
    values = {INPUT: rows}
    last_use = {name: i for i, node in enumerate(network.nodes) for name in node.inputs}
    for i, node in enumerate(network.nodes):
        values[node.name] = _apply(node, [values[name] for name in node.inputs], tensors)
        if node.name == wanted:
            break
        for name in node.inputs:
            if last_use[name] == i and name != wanted:
                values.pop(name, None)
    return values[wanted]


def _apply(node: Node, inputs: list[torch.Tensor], tensors: Tensors) -> torch.Tensor:
    x = inputs[0]
    match node.op:
        case "affine":
            weight, bias = tensors[node.tensor("weight")], tensors[node.tensor("bias")]
            return torch.addmm(bias, x, weight.T)
        case "relu":
            return torch.relu(x)
        case "clip":
            return torch.clamp(x, node.attributes["low"], node.attributes["high"])
        case _:
            return _apply_other(node, inputs, tensors)


def _square(x: torch.Tensor, pieces: float) -> torch.Tensor:
    """Sums only, no differences, so no digit is lost."""
    cells = x.abs() * pieces
    whole = torch.floor(cells)
    return (whole * whole + (cells - whole) * (2.0 * whole + 1.0)) / pieces**2


def _apply_other(node: Node, inputs: list[torch.Tensor], tensors: Tensors) -> torch.Tensor:
    match node.op:
        case "square":
            return _square(inputs[0], node.attributes["pieces"])
        case "pwl":
            return _pwl(node, inputs[0], tensors)
        case "trees":
            return _trees(node, inputs[0], tensors)
        case _:
            return torch.cat(inputs, dim=-1) if node.op == "concat" else sum(inputs[1:], inputs[0])


def _pwl(node: Node, x: torch.Tensor, tensors: Tensors) -> torch.Tensor:
    flat = _piece(node, x.detach().contiguous(), tensors).view(-1)
    slope = tensors[node.tensor("slopes")].index_select(0, flat).view_as(x)
    offset = tensors[node.tensor("offsets")].index_select(0, flat).view_as(x)
    return torch.addcmul(offset, slope, x)


def _piece(node: Node, x: torch.Tensor, tensors: Tensors) -> torch.Tensor:
    """How many knots lie below every value, int32: by its place where they are regular."""
    knots, law = (tensors[node.tensor(role)] for role in ("knots_ascending", "spacing"))
    if not len(law):
        return torch.bucketize(x, knots, out_int32=True)
    geometric, origin, scale, shift, low, high = law.tolist()
    place = x.float().clamp(low, high).sub_(origin)
    place = place.log_() if geometric else place
    place = place.mul_(scale).add_(shift - 0.5)
    below = place.int().clamp_(0, len(knots) - 1)  # NaN becomes any number, but needs an index
    return below.add_(x > knots.index_select(0, below.view(-1)).view_as(x))


def _pwl_table(
    node: Node, network: Network, dtype: torch.dtype, device: torch.device | str
) -> dict[str, torch.Tensor]:
    """Lines on the device; the numbers of the spacing, if there is one, stay on the host."""
    table = pieces.compiled(node, network.tensors)
    law = pieces.spacing(table.knots)
    parts = {"knots_ascending": table.knots, "slopes": table.slopes, "offsets": table.offsets}
    tensors = {
        node.tensor(role): torch.as_tensor(part, dtype=dtype, device=device)
        for role, part in parts.items()
    }
    numbers = law.numbers() if law else ()
    return {**tensors, node.tensor("spacing"): torch.tensor(numbers, dtype=torch.float64)}


def _trees(node: Node, x: torch.Tensor, tensors: Tensors) -> torch.Tensor:
    value = tensors[node.tensor("value")]
    step = tree_walk.block_rows(len(tensors[node.tensor("start")]))
    parts = [x.new_empty((0, value.shape[1]), dtype=value.dtype)]
    for rows in torch.split(x.float(), step):
        leaves = _leaves(node, rows, tensors)
        reached = value.index_select(0, leaves.view(-1)).view(*leaves.shape, -1)  # (t, b, c)
        parts.append(reached.sum(dim=0))
    return torch.cat(parts)


def _leaves(node: Node, x: torch.Tensor, tensors: Tensors) -> torch.Tensor:
    """(t, b), as ``TreeWalk.leaves``."""
    roles = ("node_feature", "node_threshold", "child", "start", "active", "n_splits")
    feature, threshold, child, start, active, n_splits = (tensors[node.tensor(r)] for r in roles)
    columns = x.T.contiguous().view(-1)
    rows = torch.arange(len(x), dtype=torch.int32, device=x.device)
    offset = feature * len(x)
    place = start[:, None].repeat(1, len(x))
    for n in active.tolist():
        at = place[:n].view(-1)
        cell = (offset.index_select(0, at).view(n, -1) + rows).view(-1)
        goes_right = columns.index_select(0, cell) > threshold.index_select(0, at)
        place[:n] = child.index_select(0, 2 * at + goes_right).view(n, -1)
    return place - n_splits


def _trees_table(
    node: Node, network: Network, device: torch.device | str
) -> dict[str, torch.Tensor]:
    """The tables of the walk, with indices of 32 bits: half the traffic of 64."""
    walk = tree_walk.compiled(node, network.tensors)
    tables = {
        "node_feature": torch.as_tensor(walk.feature, dtype=torch.int32, device=device),
        "node_threshold": torch.as_tensor(walk.threshold, device=device),
        "child": torch.as_tensor(walk.child, dtype=torch.int32, device=device),
        "start": torch.as_tensor(walk.start, dtype=torch.int32, device=device),
        "active": torch.tensor(walk.active, dtype=torch.int32),
        "n_splits": torch.tensor(walk.n_splits, dtype=torch.int32, device=device),
    }
    return {node.tensor(role): table for role, table in tables.items()}
