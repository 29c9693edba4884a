"""Exploit a group exactly, in numpy and as nodes of a ReLU network.

The canonical form sends every row to one representative of its orbit: |x - c| + c where a sign is
free, and sorting within a block: max(a, b) = b + relu(a - b) and min(a, b) = a - relu(a - b).
Both are continuous. For other groups the finished network is averaged over its elements.

Source: Sannai, Imaizumi and Kawano 2021, Proposition 2; Elesedy and Zaidi 2021, arXiv:2102.10333
(averaging).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.science.linalg import Floats
from app.science.relu_network.network import INPUT, Network, Node
from app.science.structure.invariance import sorting_network
from app.science.structure.invariance.group import Block, Group, GroupTooLarge
from app.science.structure.invariance.nodes import Nodes, affine_tensors, hinge_layer
from app.science.structure.invariance.signed_permutation import SignedPermutation

PREFIX = "quotient"
AVERAGE = "group_average"


@dataclass(frozen=True)
class CanonicalForm:
    """The representative of a row's orbit.

    blocks : of columns that change places or sign; center : (p,), equal within a block
    """

    blocks: tuple[Block, ...]
    center: Floats

    def __call__(self, X: Floats) -> Floats:
        """(n, p) to (n, p)."""
        found = np.array(X, dtype=np.float64)
        for block in self.blocks:
            columns = list(block.columns)
            if block.mirrored:
                middle = self.center[columns]
                found[:, columns] = np.abs(found[:, columns] - middle) + middle
            found[:, columns] = sorting_network.descending(found[:, columns])
        return found

    def nodes(self, source: str = INPUT, prefix: str = PREFIX) -> Nodes:
        """The same as ``relu`` and ``affine`` nodes, from the node ``source``.

        Every layer is one affine map to the differences, their ReLU, and one affine map back.
        """
        made = Nodes((), {}, source)
        for differences, back, offset in self._layers():
            made = hinge_layer(made, f"{prefix}_{len(made.nodes)}", differences, back, offset)
        return made

    def _layers(self) -> list[tuple[Floats, Floats, Floats]]:
        """Differences (k, p), their way back (p, k), offsets (k,): x + back @ relu(diff x + o)."""
        p = len(self.center)
        mirrored = [j for block in self.blocks if block.mirrored for j in block.columns]
        found = []
        if mirrored:
            rows = -np.eye(p)[mirrored]
            found.append((rows, -2.0 * rows.T, self.center[mirrored]))
        depth = max((len(_sorting(block)) for block in self.blocks), default=0)
        for at in range(depth):
            pairs = [pair for block in self.blocks for pair in _sorting(block)[at : at + 1]]
            flat = [pair for layer in pairs for pair in layer]
            first, second = (np.array(ends) for ends in zip(*flat, strict=True))
            rows = np.eye(p)[second] - np.eye(p)[first]
            found.append((rows, -rows.T, np.zeros(len(flat))))
        return found


def _sorting(block: Block) -> list[list[tuple[int, int]]]:
    """Layers of pairs of columns, the larger value to come first."""
    names = block.columns
    return [
        [(names[i], names[j]) for i, j in layer] for layer in sorting_network.layers(len(names))
    ]


def canonical_form(group: Group) -> CanonicalForm | None:
    """The group's canonical form, or None where it has no continuous one."""
    return None if group.blocks is None else CanonicalForm(group.blocks, group.center)


def behind(quotient: Nodes, network: Network, input_dim: int | None = None) -> Network:
    """The network that reads the quotient's output in place of its input.

    Parameters
    ----------
    input_dim : of the quotient, where it is not that of the network
    """
    if not quotient.nodes:
        return network
    nodes = tuple(_renamed(node, {INPUT: quotient.output}) for node in network.nodes)
    output = quotient.output if network.output == INPUT else network.output
    return replace(
        network,
        input_dim=input_dim or network.input_dim,
        nodes=(*quotient.nodes, *nodes),
        tensors={**quotient.tensors, **network.tensors},
        output=output,
    )


def averaged(network: Network, group: Group, factor: float = 1.0) -> Network:
    """The mean of the network over all elements: as many copies of it, side by side.

    Parameters
    ----------
    factor : on the mean, such as a temperature of logits

    Raises
    ------
    GroupTooLarge
        More than ``MAX_AVERAGED`` elements.
    """
    if group.elements is None:
        raise GroupTooLarge
    copies = [_copy(network, g, group.center, f"g{k}_") for k, g in enumerate(group.elements)]
    total = Node(f"{AVERAGE}_sum", "add", tuple(copy.output for copy in copies))
    width = max(1, len(network.classes))
    mean = Node(AVERAGE, "affine", (total.name,))
    share = factor * np.eye(width) / len(copies)
    nodes = [node for copy in copies for node in copy.nodes]
    tensors = {name: tensor for copy in copies for name, tensor in copy.tensors.items()}
    return replace(
        network,
        nodes=(*nodes, total, mean),
        tensors={**tensors, **affine_tensors(mean, share, np.zeros(width))},
        output=mean.name,
    )


def _copy(network: Network, g: SignedPermutation, center: Floats, prefix: str) -> Nodes:
    """The network of g x under names of its own."""
    p = len(center)
    weight = np.zeros((p, p))
    weight[np.arange(p), g.source] = g.sign
    moved = Node(f"{prefix}{INPUT}", "affine", (INPUT,))
    names = {node.name: prefix + node.name for node in network.nodes} | {INPUT: moved.name}
    nodes = tuple(_renamed(node, names) for node in network.nodes)
    tensors = {
        new.tensor(role): network.tensors[old.tensor(role)]
        for old, new in zip(network.nodes, nodes, strict=True)
        for role in _roles(old, network)
    }
    tensors |= affine_tensors(moved, weight, g.offset(center))
    return Nodes((moved, *nodes), tensors, names[network.output])


def _roles(node: Node, network: Network) -> list[str]:
    start = f"{node.name}."
    return [name.removeprefix(start) for name in network.tensors if name.startswith(start)]


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    inputs = tuple(names.get(name, name) for name in node.inputs)
    return replace(node, name=names.get(node.name, node.name), inputs=inputs)
