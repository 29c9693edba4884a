"""Point sets without their order: features of single points, pooled by mean and maximum.

Exactly invariant to the order of the points, and exactly a ReLU network: the mean is affine, and
the maximum a tournament of max(a, b) = b + relu(a - b).

Source: Zaheer et al. 2017, arXiv:1703.06114 (Deep Sets). Differs from the paper: the motifs of a
point are drawn, not trained.
"""

from dataclasses import dataclass

import numpy as np

from app.science.linalg import Floats
from app.science.relu_network.network import INPUT, Node
from app.science.structure.invariance.layout import PointSets
from app.science.structure.invariance.nodes import Nodes, affine_tensors, hinge_layer
from app.science.structure.invariance.quotient import PREFIX

MOTIFS = 48


@dataclass(frozen=True)
class PointPooling:
    """Mean and maximum over points of relu(point @ weight + bias), and the mean point.

    weight : (dim, m); bias : (m,)
    """

    layout: PointSets
    weight: Floats
    bias: Floats

    @property
    def input_dim(self) -> int:
        """Numbers of a row before pooling."""
        return self.layout.n_points * self.layout.dim

    @property
    def width(self) -> int:
        """Pooled numbers of a row: two a motif, and the mean point."""
        return 2 * len(self.bias) + self.layout.dim

    def __call__(self, X: Floats) -> Floats:
        """(n, n_points * dim) to (n, width)."""
        points = X.reshape(len(X), self.layout.n_points, self.layout.dim)
        motifs = np.maximum(points @ self.weight + self.bias, 0.0)
        pooled = (motifs.mean(axis=1), motifs.max(axis=1), points.mean(axis=1))
        return np.concatenate(pooled, axis=1)

    def nodes(self, source: str = INPUT, prefix: str = PREFIX) -> Nodes:
        """The same as nodes; dense maps, so (n_points * m)^2 numbers: for small sets only."""
        n_points, dim = self.layout.n_points, self.layout.dim
        m = len(self.bias)
        lift = Node(f"{prefix}_points", "affine", (source,))
        weight = _kron(np.eye(n_points), self.weight.T)
        made = Nodes((lift,), affine_tensors(lift, weight, np.tile(self.bias, n_points)), lift.name)
        made = made.then(Node(f"{prefix}_motifs", "relu", (lift.name,)), {})
        motifs = made.output
        made = _mean(made, motifs, f"{prefix}_mean", n_points, m)
        means = made.output
        made = _maximum(made.at(motifs), f"{prefix}_max", n_points, m)
        most = made.output
        made = _mean(made, source, f"{prefix}_middle", n_points, dim)
        return made.then(Node(prefix, "concat", (means, most, made.output)), {})


def draw(
    layout: PointSets, X: Floats, rng: np.random.Generator, n_motifs: int = MOTIFS
) -> PointPooling:
    """Motifs with random directions whose kinks lie at random points of the rows."""
    points = X.reshape(-1, layout.dim)
    weight = rng.standard_normal((layout.dim, n_motifs))
    weight /= np.linalg.norm(weight, axis=0)
    kinks = points[rng.integers(0, len(points), n_motifs)]
    return PointPooling(layout, weight, -(kinks * weight.T).sum(axis=1))


def _kron(outer: Floats, inner: Floats) -> Floats:
    return np.asarray(np.kron(outer, inner), dtype=np.float64)


def _mean(made: Nodes, source: str, name: str, n: int, width: int) -> Nodes:
    node = Node(name, "affine", (source,))
    weight = np.tile(np.eye(width), n) / n
    return made.then(node, affine_tensors(node, weight, np.zeros(width)))


def _maximum(made: Nodes, name: str, n: int, width: int) -> Nodes:
    """Halve the number of groups of ``width`` until one is left."""
    while n > 1:
        kept = (n + 1) // 2
        keep, lost = np.eye(n)[: n - kept], np.eye(n)[kept:]
        wide = np.eye(width)
        differences = _kron(lost - keep, wide)
        back = _kron(np.eye(n)[:, : n - kept], wide)
        made = hinge_layer(made, f"{name}_{n}", differences, back, np.zeros(len(differences)))
        node = Node(f"{name}_{n}_kept", "affine", (made.output,))
        weight = _kron(np.eye(n)[:kept], wide)
        made = made.then(node, affine_tensors(node, weight, np.zeros(kept * width)))
        n = kept
    return made
