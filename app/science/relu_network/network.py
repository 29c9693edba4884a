"""A ReLU network as plain data: a short list of named nodes over named tensors.

The graph is what the package stores (``architecture.json`` and ``weights.safetensors``), so
every reader (torch, numpy, ONNX) walks the same list. Each operation is exactly a ReLU network:
``pwl`` and ``square`` are sums of shifted ReLUs, ``clip`` is two of them, and ``trees`` is
one on float32 inputs, because a ramp may rise where no float32 number is: see ``Node``.

Source: Biau, Scornet and Welbl 2019, doi:10.1007/s13171-018-0133-y (a tree as a network of two
hidden layers). Differs from the paper: ramps between neighboring numbers, so exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.science.errors import InvalidNetwork

FORMAT = "adaptnet-network/1"
INPUT = "x"

Op = Literal["affine", "relu", "clip", "square", "pwl", "trees", "concat", "add"]
Task = Literal["regression", "binary", "multiclass"]
Array = NDArray[Any]

N_TENSORS: dict[str, tuple[str, ...]] = {
    "affine": ("weight", "bias"),
    "relu": (),
    "clip": (),
    "square": (),
    "pwl": ("knots", "coefficients"),
    "trees": ("feature", "threshold", "left", "right", "root", "value"),
    "concat": (),
    "add": (),
}

AFFINE_LAYERS = {"affine": 1, "trees": 4}


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. Its output is named ``name``; tensors are named ``{name}.{role}``.

    ``affine``: y = x W^T + b, weight (out, in), bias (out,).
    ``clip``: min(max(x, low), high), attributes ``low`` and ``high``.
    ``square``: the polygon through (i / K, (i / K)^2) for all whole i, K the attribute ``pieces``;
    on [-1, 1] it is Yarotsky's sum of log2 K sawtooth levels of three ReLUs each, and lies above
    the square by at most 1 / (4 K^2).
    ``pwl``: intercept + slope * x + sum_l coefficients[l] * relu(x - knots[l]), elementwise,
    attributes ``intercept`` and ``slope``; knots and coefficients (l,), shared by all units.
    ``trees``: (b, p) to (b, c), the sum over trees of the row ``value`` (leaves, c) of the leaf
    that is reached. At split s, x rounded to float32 goes to ``left[s]`` if x[feature[s]] <=
    threshold[s], else to ``right[s]``. A child, and a tree's ``root`` (t,), is the number of a
    split, or -1 - i for leaf i.
    ``concat`` joins along the last axis, ``add`` sums equal shapes.

    Why trees are a ReLU network: let t' be the float32 number after the threshold t and a =
    (x - t) / (t' - t). The ramp 1 - relu(1 - relu(a)) is 0 up to t and 1 from t', and x is never
    between them. A leaf is relu(sum of its path's indicators - (depth - 1)): 1 where all of them
    are, else 0. ``trees.as_relu`` writes it out.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    attributes: Mapping[str, float] = field(default_factory=dict)

    def tensor(self, role: str) -> str:
        """Name of one of the node's tensors."""
        return f"{self.name}.{role}"


@dataclass(frozen=True)
class Network:
    """Nodes in evaluation order, from ``x`` (n, p) to the node named ``output`` (n, c).

    For ``regression`` the output is the prediction in the target's unit, c = 1; for ``binary``
    and ``multiclass`` it holds one logit a class and the probabilities are their softmax.
    ``class_weights`` : what a wrong answer costs by its true class, empty where all cost alike;
    they decide between the classes and leave the probabilities as they are.

    Raises
    ------
    InvalidNetwork
        A node reads something that no earlier node made, or a tensor is missing.
    """

    task: Task
    input_dim: int
    output: str
    classes: tuple[str, ...]
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Array]
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        known = {INPUT}
        for node in self.nodes:
            missing = [name for name in node.inputs if name not in known]
            absent = [r for r in N_TENSORS[node.op] if node.tensor(r) not in self.tensors]
            if missing or absent:
                raise InvalidNetwork(f"node {node.name!r} lacks {missing + absent}")
            known.add(node.name)
        if self.output not in known:
            raise InvalidNetwork(f"no node makes the output {self.output!r}")

    @property
    def n_parameters(self) -> int:
        """Numbers stored in all tensors; a tree counts its indices too."""
        return int(sum(np.size(tensor) for tensor in self.tensors.values()))

    @property
    def depth(self) -> int:
        """Affine layers on the longest path from the input to the output."""
        depths = {INPUT: 0}
        for node in self.nodes:
            below = max(depths[name] for name in node.inputs)
            depths[node.name] = below + AFFINE_LAYERS.get(node.op, 0)
        return depths[self.output]

    def to_json(self) -> dict[str, Any]:
        """The graph without its tensors, as stored in ``architecture.json``."""
        return {
            "format": FORMAT,
            "task": self.task,
            "classes": list(self.classes),
            **({"class_weights": list(self.class_weights)} if self.class_weights else {}),
            "input_dim": self.input_dim,
            "output": self.output,
            "n_parameters": self.n_parameters,
            "nodes": [
                {
                    "name": node.name,
                    "op": node.op,
                    "inputs": list(node.inputs),
                    **({"attributes": dict(node.attributes)} if node.attributes else {}),
                }
                for node in self.nodes
            ],
        }


def from_json(graph: Mapping[str, Any], tensors: Mapping[str, Array]) -> Network:
    """The network behind ``to_json`` and its tensors."""
    if graph.get("format") != FORMAT:
        raise InvalidNetwork(f"format is {graph.get('format')!r}, this reader knows {FORMAT!r}")
    nodes = tuple(
        Node(
            name=node["name"],
            op=node["op"],
            inputs=tuple(node["inputs"]),
            attributes=dict(node.get("attributes", {})),
        )
        for node in graph["nodes"]
    )
    return Network(
        task=graph["task"],
        input_dim=int(graph["input_dim"]),
        output=graph["output"],
        classes=tuple(graph["classes"]),
        nodes=nodes,
        tensors=tensors,
        class_weights=tuple(float(w) for w in graph.get("class_weights", ())),
    )
