"""A network read as a teacher's kernel expansion, from its graph and tensors alone.

Source: none; the motif is ``motifs/radial.py``, and any graph of the same function is read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from app.science.linalg import Floats
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.network import INPUT, Network, Node
from app.science.relu_network.polygon import Polygon, polygon
from app.science.relu_network.rounding import NotBounded


@dataclass(frozen=True)
class Copy:
    """A network read as u = clip(unit), t = [u, square(u)] @ distance^T, out = [x, profile(t)].

    unit : (q, p) and (q,); distance : (m, q), (m, q) and (m,), on u, on square(u) and the bias;
    head : (c, p), (c, m) and (c,), on x, on the profile and the bias; middle, radius : (q,), the
    box that ``unit`` stands for in the coordinates of the teacher's metric
    """

    unit: tuple[Floats, Floats]
    square: Polygon
    distance: tuple[Floats, Floats, Floats]
    profile: Polygon
    head: tuple[Floats, Floats, Floats]
    middle: Floats
    radius: Floats
    distance_name: str


def read(teacher: FittedTeacher, network: Network) -> Copy:
    """Find the teacher's parts in the network.

    Raises
    ------
    NotBounded
        It holds anything else, or other weights.
    """
    box = _only(network, "clip", lambda node: node.attributes == {"low": -1.0, "high": 1.0})
    square = _only(network, "square|pwl", lambda node: node.inputs == (box.name,))
    profile = _only(network, "pwl", lambda node: node.inputs != (box.name,))
    widths = _widths(network)
    unit, unit_bias = _pulled(network, widths, box.inputs[0], (INPUT,))
    distance, bias = _pulled(network, widths, profile.inputs[0], (box.name, square.name))
    head, head_bias = _pulled(network, widths, latent(network), (INPUT, profile.name))
    middle, radius = _box(teacher, unit[INPUT], unit_bias)
    copy = Copy(
        unit=(unit[INPUT], unit_bias),
        square=polygon(square, network),
        distance=(distance[box.name], distance[square.name], bias),
        profile=polygon(profile, network),
        head=(head[INPUT], head[profile.name], head_bias),
        middle=middle,
        radius=radius,
        distance_name=profile.inputs[0],
    )
    if copy.head[1].shape[::-1] != teacher.weights.shape:
        units, centers = copy.head[1].shape[1], len(teacher.centers)
        raise NotBounded(f"the network has {units} kernel units and the teacher {centers} centers")
    return copy


def latent(network: Network) -> str:
    """Name of the node whose value is the output before a last clip, or the output's own."""
    last = next(node for node in network.nodes if node.name == network.output)
    return last.inputs[0] if last.op == "clip" else last.name


def _only(network: Network, op: str, fits: Callable[[Node], bool]) -> Node:
    of_kind = [node for node in network.nodes if node.op in op.split("|")]
    found = [node for node in of_kind if fits(node)]
    if len(found) != 1:
        names = [node.name for node in of_kind]
        raise NotBounded(
            f"the network is more or less than one block of the teacher's radial units: {op} nodes"
            f" are {names}"
        )
    return found[0]


def _widths(network: Network) -> dict[str, int]:
    widths = {INPUT: network.input_dim}
    for node in network.nodes:
        below = [widths[name] for name in node.inputs]
        widths[node.name] = sum(below) if node.op == "concat" else below[0]
        if node.op == "affine":
            widths[node.name] = int(np.size(network.tensors[node.tensor("bias")]))
    return widths


def _pulled(
    network: Network, widths: Mapping[str, int], name: str, leaves: tuple[str, ...]
) -> tuple[dict[str, Floats], Floats]:
    """The affine map from the leaves to a node, in the exact arithmetic of its tensors."""
    nodes = {node.name: node for node in network.nodes}
    maps = {leaf: np.zeros((widths[name], widths[leaf])) for leaf in leaves}
    bias = np.zeros(widths[name])
    pending: list[tuple[str, Floats | None]] = [(name, None)]
    while pending:
        here, L = pending.pop()
        if here in leaves:
            maps[here] = maps[here] + (np.eye(widths[here]) if L is None else L)
            continue
        if here == INPUT or nodes[here].op not in ("affine", "concat", "add"):
            raise NotBounded(f"{name!r} reads {here!r}, which is no part of the radial motif")
        more, step = _back(nodes[here], network, widths, L)
        bias = bias + step
        pending += more
    return maps, bias


def _back(
    node: Node, network: Network, widths: Mapping[str, int], L: Floats | None
) -> tuple[list[tuple[str, Floats | None]], Floats]:
    """L @ node in terms of the node's inputs; None is the identity."""
    if node.op == "affine":
        W, b = (np.asarray(network.tensors[node.tensor(r)], np.float64) for r in ("weight", "bias"))
        return ([(node.inputs[0], W)], b) if L is None else ([(node.inputs[0], L @ W)], L @ b)
    L = np.eye(widths[node.name]) if L is None else L
    if node.op == "add":
        return [(name, L) for name in node.inputs], np.zeros(len(L))
    ends = np.cumsum([widths[name] for name in node.inputs])
    return list(zip(node.inputs, np.split(L, ends[:-1], axis=1), strict=True)), np.zeros(len(L))


def _box(teacher: FittedTeacher, weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Middle and radius (q,): weight is nearly metric^T / radius, bias is -middle / radius."""
    metric = teacher.metric.T
    if metric.shape != weight.shape:
        raise NotBounded(f"the network's box has {len(weight)} sides, the metric {len(metric)}")
    norm = (weight**2).sum(axis=1)
    radius = np.where(norm > 0.0, (metric * weight).sum(axis=1) / np.where(norm > 0, norm, 1), 1.0)
    if (radius <= 0.0).any():
        raise NotBounded("the network's box does not belong to the teacher's metric")
    return -bias * radius, radius
