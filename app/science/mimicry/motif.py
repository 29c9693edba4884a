"""Motifs: drawn pieces of ReLU network that turn the boxed metric coordinates into features.

Every motif reads the same node: u in [-1, 1]^q, where z = middle + radius * u are the coordinates
of the teacher's metric and the clip to the box of the training rows is part of the network. A
motif hands back nodes and tensors, so its features are what the network computes, to the bit.

Source: the interface is ours; each motif names its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.science.linalg import Floats
from app.science.mimicry.kernels import KernelName
from app.science.registry import FolderRegistry
from app.science.relu_network.network import Array, Node

BOX = "box"


@dataclass(frozen=True)
class MotifContext:
    """What motifs may look at.

    middle, radius : (q,), the box in metric coordinates; points : (n, q), fit rows as z;
    values : (n, c), their targets; squared_bandwidth in squared units of z; centers : (m, q) of
    the teacher, as z; knots : pieces of a one-dimensional profile
    """

    middle: Floats
    radius: Floats
    points: Floats
    values: Floats
    kernel: KernelName
    squared_bandwidth: float
    centers: Floats
    knots: int

    def fold(self, directions: Floats, offsets: Floats) -> tuple[Floats, Floats]:
        """Weight (m, q) and bias (m,) on u of the map directions @ z + offsets."""
        return directions * self.radius, offsets + directions @ self.middle


@dataclass(frozen=True)
class MotifBlock:
    """Some features: the nodes that make them from ``BOX`` and the name of the last one.

    square : (width, width) penalty of the features, or None for their variances
    """

    nodes: tuple[Node, ...]
    tensors: Mapping[str, Array]
    output: str
    width: int
    square: Floats | None = None


class Motif(Protocol):
    """A way to draw features."""

    def draw(
        self, context: MotifContext, n_motifs: int, name: str, rng: np.random.Generator
    ) -> MotifBlock:
        """Draw about ``n_motifs`` features whose nodes' names start with ``name``."""
        ...


MOTIFS: FolderRegistry[type[Motif]] = FolderRegistry("app.science.mimicry.motifs")


def pwl_node(
    name: str, source: str, knots: Floats, values: Floats
) -> tuple[Node, dict[str, Array]]:
    """The continuous function through (knots, values), flat after the last knot.

    Before the first knot it goes on with the first piece. knots : (l,) ascending
    """
    slopes = np.diff(values) / np.diff(knots)
    coefficients = np.diff(np.concatenate([slopes, [0.0]]))
    attributes = {
        "intercept": float(values[0] - slopes[0] * knots[0]),
        "slope": float(slopes[0]),
    }
    node = Node(name, "pwl", (source,), attributes)
    return node, {node.tensor("knots"): knots[1:], node.tensor("coefficients"): coefficients}


def affine_node(
    name: str, source: str, weight: Floats, bias: Floats
) -> tuple[Node, dict[str, Array]]:
    """The map x @ weight.T + bias."""
    node = Node(name, "affine", (source,))
    return node, {node.tensor("weight"): weight, node.tensor("bias"): bias}
