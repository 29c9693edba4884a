"""The finished network: the teacher carried over by computation, and the corrections beside it.

The teacher's centers and weights become radial motifs and head as they are; nothing is fitted
again. What separates the two are the polygons' errors, which ``certificate.py`` bounds.

Source: none; the motif names its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry.correction import BASE, Piece
from app.science.mimicry.motif import BOX, MOTIFS, MotifContext, affine_node
from app.science.mimicry.target import Ends
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import INPUT, Array, Network, Node

KNOTS, MAX_KNOTS = 1024, 16_384
SHARE = 0.01
PROBE_ROWS = 500
BLOCK_ROWS = 50_000
FEATURES = "features"
LATENT, LIMITED = "latent", "limited"
OUTPUT = "output"


@dataclass(frozen=True)
class Parts:
    """Nodes in order and their tensors; the last node is the output."""

    nodes: tuple[Node, ...]
    tensors: dict[str, Array]

    def then(self, nodes: Sequence[Node], tensors: dict[str, Array]) -> "Parts":
        """These parts and more behind them."""
        return Parts((*self.nodes, *nodes), {**self.tensors, **tensors})


def copied(teacher: FittedTeacher, X: NDArray[Any], *, knots: int | None = None) -> Parts:
    """The teacher's latent output (b, c) as nodes, on the box of the rows X, (n, p).

    The polygon of the profile has ``knots`` pieces, by default as many as keep the usual difference
    from the teacher below ``SHARE`` of its own error; the difference falls with their square.
    """
    parts = _copied(teacher, X, knots or KNOTS)
    if knots is not None or not len(teacher.centers):
        return parts
    rows = X[:: max(1, len(X) // PROBE_ROWS)]
    gap = predict_raw(network(teacher, parts), rows, dtype=torch.float64) - teacher.center
    usual = float(np.sqrt(((gap / teacher.scale - teacher.output(rows)) ** 2).mean()))
    wanted = SHARE * (teacher.validation_loss**0.5 if teacher.task == "regression" else 1.0)
    if usual <= wanted:
        return parts
    doublings = math.ceil(math.log2(usual / wanted) / 2.0)
    return _copied(teacher, X, min(KNOTS << doublings, MAX_KNOTS))


def _copied(teacher: FittedTeacher, X: NDArray[Any], knots: int) -> Parts:
    name = LATENT if teacher.ends else BASE
    if not len(teacher.centers):
        node, tensors = affine_node(name, INPUT, teacher.linear.T, teacher.intercept)
        return Parts((node,), tensors)
    low, high = _range(teacher, X)
    middle, radius = (low + high) / 2.0, np.maximum((high - low) / 2.0, 1e-9)
    unit, tensors = affine_node("unit", INPUT, (teacher.metric / radius).T, -middle / radius)
    box = Node(BOX, "clip", (unit.name,), {"low": -1.0, "high": 1.0})
    context = MotifContext(
        middle=middle,
        radius=radius,
        points=np.empty((0, len(radius))),
        values=np.empty((0, 1)),
        kernel=teacher.kernel,
        squared_bandwidth=teacher.squared_bandwidth,
        centers=teacher.centers,
        knots=knots,
    )
    n_motifs = len(teacher.centers)
    block = MOTIFS.get("radial")().draw(context, n_motifs, "radial", np.random.default_rng(0))
    join = Node(FEATURES, "concat", (INPUT, block.output))
    weight = np.concatenate([teacher.linear, teacher.weights]).T
    head, more = affine_node(name, join.name, weight, teacher.intercept)
    nodes = (unit, box, *block.nodes, join, head)
    return Parts(nodes, {**tensors, **block.tensors, **more})


def _range(teacher: FittedTeacher, X: NDArray[Any]) -> tuple[Floats, Floats]:
    """Least and largest metric coordinates (q,) of the rows and the centers."""
    low, high = teacher.centers.min(axis=0), teacher.centers.max(axis=0)
    for start in range(0, len(X), BLOCK_ROWS):
        Z = np.asarray(X[start : start + BLOCK_ROWS], dtype=np.float64) @ teacher.metric
        low, high = np.minimum(low, Z.min(axis=0)), np.maximum(high, Z.max(axis=0))
    return low, high


def network(
    teacher: FittedTeacher, base: Parts, pieces: Sequence[Piece] = (), temperature: float = 1.0
) -> Network:
    """The network in the unit of the target, or of logits times the temperature.

    base : the teacher's latent output, which its limits clip here, and once more behind the pieces
    """
    parts = base
    if len(pieces) and teacher.ends:
        parts = _clipped(parts, BASE, teacher.ends)
    for piece in pieces:
        total = Node(piece.total, "add", (parts.nodes[-1].name, piece.output))
        parts = parts.then((*piece.nodes, total), dict(piece.tensors))
    factor = teacher.scale * temperature
    if len(pieces):
        parts = _scaled(parts, np.full(teacher.n_outputs, factor), teacher.center)
    elif (factor, teacher.center) != (1.0, 0.0):
        parts = _folded(parts, factor, teacher.center)
    if teacher.ends:
        parts = _clipped(parts, LIMITED, teacher.ends.scaled(factor, teacher.center))
    return Network(
        task=teacher.task,
        input_dim=len(teacher.metric),
        output=parts.nodes[-1].name,
        classes=teacher.classes,
        nodes=parts.nodes,
        tensors=parts.tensors,
    )


def _scaled(parts: Parts, factor: Floats, center: float) -> Parts:
    offset = np.full(len(factor), center)
    node, tensors = affine_node(OUTPUT, parts.nodes[-1].name, np.diag(factor), offset)
    return parts.then((node,), tensors)


def _folded(parts: Parts, factor: float, center: float) -> Parts:
    head = parts.nodes[-1]
    weight, bias = (parts.tensors[head.tensor(role)] for role in ("weight", "bias"))
    _, tensors = affine_node(head.name, head.inputs[0], weight * factor, bias * factor + center)
    return Parts(parts.nodes, {**parts.tensors, **tensors})


def _clipped(parts: Parts, name: str, ends: Ends) -> Parts:
    low, high = ends.sides
    return parts.then(
        (Node(name, "clip", (parts.nodes[-1].name,), {"low": low, "high": high}),), {}
    )
