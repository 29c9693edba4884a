"""The network's body: metric, box and drawn motifs, everything that is fixed before the head.

Source: none; the motifs name theirs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry import head
from app.science.mimicry.head import Head
from app.science.mimicry.motif import BOX, MOTIFS, MotifBlock, MotifContext, affine_node
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.evaluate import load, run
from app.science.relu_network.network import INPUT, Network, Node

FEATURES = "features"
HEAD = "head"
MAX_POINTS = 20_000
KNOTS = 1024
MAX_RADIUS = 16.0
"""In bandwidths; squared distances beyond would drown their small ones in float32 rounding."""


@dataclass(frozen=True)
class Body:
    """A network without head, whose output node lists x itself and then all motifs."""

    network: Network
    widths: tuple[int, ...]
    squares: tuple[Floats | None, ...]

    @property
    def n_features(self) -> int:
        """Width of the feature vector, the linear path included."""
        return self.network.input_dim + sum(self.widths)

    def features(self) -> head.Features:
        """The features for the head's solvers, computed in float32 as they are served."""
        square, at = self._square()
        single, double = self._compute(torch.float32), self._compute(torch.float64)
        return head.Features(single, self.n_features, double, square, at)

    def _compute(self, dtype: torch.dtype) -> Callable[[NDArray[Any]], NDArray[Any]]:
        tensors = load(self.network, dtype=dtype, device="cpu")
        return lambda rows: run(self.network, tensors, torch.as_tensor(rows, dtype=dtype)).numpy()

    def _square(self) -> tuple[Floats | None, int]:
        at = self.network.input_dim
        for width, square in zip(self.widths, self.squares, strict=True):
            if square is not None:
                return square, at
            at += width
        return None, 0

    def with_head(self, solved: Head, target: Target, temperature: float) -> Network:
        """The finished network: unit of the target or temperature folded into the last layer."""
        scale = target.scale if target.task == "regression" else temperature
        bias = solved.intercept * scale + target.center
        node, tensors = affine_node(HEAD, self.network.output, solved.weights.T * scale, bias)
        return Network(
            task=target.task,
            input_dim=self.network.input_dim,
            output=HEAD,
            classes=target.classes,
            nodes=(*self.network.nodes, node),
            tensors=_float32({**self.network.tensors, **tensors}),
        )


def _float32(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}


def linear(input_dim: int, target: Target) -> Body:
    """The body of a one-layer network: nothing but x."""
    return Body(Network(target.task, input_dim, INPUT, target.classes, (), {}), (), ())


def draw(
    teacher: FittedTeacher,
    X: NDArray[Any],
    target: Target,
    fit: Ints,
    plan: TransferPlan,
    *,
    rng: np.random.Generator,
) -> Body:
    """Draw all motifs of the plan's first mix in the teacher's metric, on the fit rows."""
    context = _context(teacher, X, target, fit, plan)
    unit, tensors = affine_node(
        "unit",
        INPUT,
        (teacher.metric / context.radius).T,
        -context.middle / context.radius,
    )
    nodes = [unit, Node(BOX, "clip", (unit.name,), {"low": -1.0, "high": 1.0})]
    blocks = _blocks(context, plan, rng)
    for block in blocks:
        nodes.extend(block.nodes)
        tensors.update(block.tensors)
    nodes.append(Node(FEATURES, "concat", (INPUT, *(block.output for block in blocks))))
    network = Network(
        target.task, X.shape[1], FEATURES, target.classes, tuple(nodes), _float32(tensors)
    )
    return Body(
        network,
        tuple(block.width for block in blocks),
        tuple(block.square for block in blocks),
    )


def _blocks(
    context: MotifContext, plan: TransferPlan, rng: np.random.Generator
) -> list[MotifBlock]:
    mix = plan.mixes[0]
    total = sum(mix.values())
    blocks = []
    for name, share in mix.items():
        n_motifs = max(1, round(plan.n_motifs * share / total))
        blocks.append(MOTIFS.get(name)().draw(context, n_motifs, name, rng))
    return blocks


def _context(
    teacher: FittedTeacher, X: NDArray[Any], target: Target, fit: Ints, plan: TransferPlan
) -> MotifContext:
    matrix = teacher.metric
    Z = np.asarray(X[fit], dtype=np.float64) @ matrix
    middle, radius = _box(Z, teacher.squared_bandwidth)
    return MotifContext(
        middle=middle,
        radius=radius,
        points=np.clip(Z[:MAX_POINTS], middle - radius, middle + radius),
        values=target.columns()[fit[:MAX_POINTS]],
        kernel=teacher.kernel,
        squared_bandwidth=teacher.squared_bandwidth,
        centers=np.clip(teacher.centers, middle - radius, middle + radius),
        knots=plan.knots or KNOTS,
    )


def _box(Z: Floats, squared_bandwidth: float) -> tuple[Floats, Floats]:
    """Middle and radius (q,) of the rows' range, cut around the median where it is too long."""
    reach = MAX_RADIUS * np.sqrt(squared_bandwidth)
    median = np.median(Z, axis=0)
    low = np.maximum(Z.min(axis=0), median - reach)
    high = np.minimum(Z.max(axis=0), median + reach)
    return (low + high) / 2.0, np.maximum((high - low) / 2.0, 1e-9)
