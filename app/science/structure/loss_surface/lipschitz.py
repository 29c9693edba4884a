"""Spectral norms of a network's affine maps, and the bound that they put on its slope.

Source: Imaizumi and Schmidt-Hieber 2022, doi:10.1109/TIT.2022.3215088 (the gap where gradient
descent stagnates is bounded by spectral norms, not by the number of weights); Miyato, Kataoka,
Koyama and Yoshida 2018, arXiv:1802.05957 (products of them bound the slope). Differs from the
latter: sums, joins and polygons are counted by the graph, and norms are exact.
"""

import math

import numpy as np

from app.science.linalg import Floats
from app.science.relu_network import pieces
from app.science.relu_network.network import INPUT, Network, Node


def spectral_norms(network: Network) -> dict[str, float]:
    """Largest singular value of each affine map, by name."""
    return {
        node.name: spectral_norm(network.tensors[node.tensor("weight")])
        for node in network.nodes
        if node.op == "affine"
    }


def spectral_norm(weight: Floats) -> float:
    """Largest singular value of a matrix (k, m)."""
    W = np.asarray(weight, dtype=np.float64)
    unit = float(np.abs(W).max(initial=0.0)) or 1.0
    W = W / unit
    gram = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    return unit * math.sqrt(max(float(np.linalg.eigvalsh(gram)[-1]), 0.0))


def lipschitz_bound(network: Network, norms: dict[str, float]) -> float:
    """A bound on |f(x) - f(x')| / |x - x'| between the trees' steps, which are left out.

    For a plain ReLU network it is the product of the norms.
    """
    slopes = {INPUT: 1.0}
    for node in network.nodes:
        below = [slopes[name] for name in node.inputs]
        slopes[node.name] = _slope(node, network, below, norms)
    return slopes[network.output]


def _slope(node: Node, network: Network, below: list[float], norms: dict[str, float]) -> float:
    match node.op:
        case "affine":
            return norms[node.name] * below[0]
        case "add":
            return sum(below)
        case "concat":
            return math.hypot(*below)
        case _:
            return _steepest(node, network) * below[0]


def _steepest(node: Node, network: Network) -> float:
    """Of an elementwise operation; squares are taken on [-1, 1]."""
    match node.op:
        case "pwl":
            return float(np.abs(pieces.compiled(node, network.tensors).slopes).max())
        case "square":
            return 2.0
        case "trees":
            return 0.0
        case _:
            return 1.0
