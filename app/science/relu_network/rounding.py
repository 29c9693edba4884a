"""How far a network's evaluation in floating point may lie from exact arithmetic.

A running error analysis: every node carries a bound of its values and one of their errors, for any
order of the sums. Tensors are taken as they are stored; tables of ``pwl`` nodes are in float64.

Source: Higham 2002, doi:10.1137/1.9780898718027, chapter 3.
"""

from collections.abc import Mapping

import numpy as np

from app.science.errors import ScienceError
from app.science.relu_network.network import INPUT, Network, Node
from app.science.relu_network.polygon import Floats, gamma, polygon

Range = tuple[float, float]


class NotBounded(ScienceError):
    """Nothing is known about this network's error; the message says why."""


def rounding(
    network: Network, reach: Floats, unit: float, known: Mapping[str, Range] | None = None
) -> Floats:
    """(c,), largest error of each output over all rows with |x| <= reach.

    Parameters
    ----------
    reach : (p,); unit : unit roundoff of the evaluation; known : ranges of nodes' exact values
        that the caller can prove tighter than interval arithmetic

    Raises
    ------
    NotBounded
        A node jumps, as trees do.
    """
    sizes, errors = {INPUT: reach}, {INPUT: unit * reach}
    for node in network.nodes:
        below = [(sizes[name], errors[name]) for name in node.inputs]
        if node.op == "pwl":
            span = (known or {}).get(node.inputs[0])
            sizes[node.name], errors[node.name] = _pwl(node, network, below[0], span, unit)
        elif node.op == "square":
            sizes[node.name], errors[node.name] = _square(below[0], node, unit)
        elif node.op == "affine":
            sizes[node.name], errors[node.name] = _affine(node, network, below[0], unit)
        else:
            sizes[node.name], errors[node.name] = _other(node, below, unit)
    return errors[network.output]


def _affine(
    node: Node, network: Network, below: tuple[Floats, Floats], unit: float
) -> tuple[Floats, Floats]:
    W, b = (np.abs(network.tensors[node.tensor(role)]) for role in ("weight", "bias"))
    W, b, (size, error) = W.astype(np.float64), b.astype(np.float64), below
    rounded = gamma(W.shape[1] + 4, unit) * (W @ (size + error) + b)
    return W @ size + b, W @ error + rounded


def _pwl(
    node: Node, network: Network, below: tuple[Floats, Floats], span: Range | None, unit: float
) -> tuple[Floats, Floats]:
    size, error = below
    graph = polygon(node, network)
    most, off = float(size.max(initial=0.0)), float(error.max(initial=0.0))
    low, high = span or (-most, most)
    low, high = low - off, high + off
    steepest = float(np.abs(graph.slopes).max())
    values = np.full(len(size), graph.largest(low, high))
    return values, steepest * error + graph.rounding(low, high, unit)


def _square(below: tuple[Floats, Floats], node: Node, unit: float) -> tuple[Floats, Floats]:
    size, error = below
    most = size + error + 1.0 / node.attributes["pieces"]
    return most**2, 2.0 * most * error + gamma(8, unit) * most**2


def _other(node: Node, below: list[tuple[Floats, Floats]], unit: float) -> tuple[Floats, Floats]:
    sizes, errors = [size for size, _ in below], [error for _, error in below]
    if node.op == "concat":
        return np.concatenate(sizes), np.concatenate(errors)
    if node.op == "add":
        size, error = np.sum(sizes, axis=0), np.sum(errors, axis=0)
        return size, error + gamma(len(sizes), unit) * (size + error)
    if node.op not in ("clip", "relu"):
        raise NotBounded(f"the node {node.name!r} may jump at any rounding of its input")
    if node.op == "relu":
        return sizes[0], errors[0]
    limits = [abs(float(value)) for value in node.attributes.values()]
    inexact = [limit for limit in limits if float(np.float32(limit)) != limit]
    return np.minimum(sizes[0], max(limits)), errors[0] + unit * max(inexact, default=0.0)
