"""Nodes of a ReLU network under construction.

Source: none; the operations are those of ``relu_network/network.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.science.linalg import Floats
from app.science.relu_network.network import Array, Node


@dataclass(frozen=True)
class Nodes:
    """Nodes in evaluation order with their tensors, and the name of what they compute."""

    nodes: tuple[Node, ...]
    tensors: Mapping[str, Array]
    output: str

    def then(self, node: Node, tensors: Mapping[str, Array]) -> "Nodes":
        """One more node, which makes the output."""
        return Nodes((*self.nodes, node), {**self.tensors, **tensors}, node.name)

    def at(self, output: str) -> "Nodes":
        """The same nodes, to go on from another of them."""
        return replace(self, output=output)


def hinge_layer(made: Nodes, name: str, differences: Floats, back: Floats, offset: Floats) -> Nodes:
    """Go on with x + back @ relu(differences @ x + offset), for x of p numbers.

    Parameters
    ----------
    differences : (k, p); back : (p, k); offset : (k,)
    """
    p = differences.shape[1]
    source = made.output
    steps = Node(f"{name}_difference", "affine", (source,))
    made = made.then(steps, affine_tensors(steps, differences, offset))
    made = made.then(Node(f"{name}_relu", "relu", (steps.name,)), {})
    joined = Node(f"{name}_join", "concat", (source, made.output))
    made = made.then(joined, {})
    out = Node(name, "affine", (joined.name,))
    return made.then(out, affine_tensors(out, np.hstack([np.eye(p), back]), np.zeros(p)))


def affine_tensors(node: Node, weight: Floats, bias: Floats) -> dict[str, Array]:
    """Weight (out, in) and bias (out,) of an affine node."""
    return {node.tensor("weight"): weight, node.tensor("bias"): bias}
