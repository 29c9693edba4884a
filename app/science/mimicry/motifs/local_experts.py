"""Local experts: a cover of the rows by cells, and on each cell a gated linear function.

Cell centers are rows spread by farthest-point choice and moved to the middle of their rows; a
cell reaches past its near neighbors. Its coordinates are those along its rows' main directions,
so the number of features follows the dimension of the data, not of the space. The gate falls
from 1 to 0 with the squared distance. The product s * gate, for 0 <= s <= B, becomes
relu(s + B * gate - B): it agrees where the gate is 0 or 1, lies below in between, needs no product.

Source: Nakada and Imaizumi 2020, JMLR 21(174), section 5 (cover, gate, cut). Differs from the
paper: balls of their neighborhood's size instead of equal cubes, a hat instead of a trapezoid
(as flat tops left gaps between cells: 1.1 to 1.6 times the error), local polynomials of degree
1, and one ridge head over overlapping cells instead of a maximum over disjoint families.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from app.science.linalg import Floats
from app.science.mimicry.motif import BOX, Motif, MotifBlock, MotifContext, affine_node, pwl_node
from app.science.relu_network.network import Array, Node

Ints = NDArray[np.int64]

MAX_DIRECTIONS = 5
LOCAL_SHARE = 0.95  # of the variance inside the cells, which the local coordinates hold
POINTS_PER_CELL = 50
LLOYD_STEPS = 3
NEAR, REACH = 3, 2.0  # a gate closes at twice the distance of the third nearest center
MAX_ZOOM = 100.0  # a box is at most so many radii wide: its square is what float32 resolves
CEILING = 2.0  # B: local coordinates run from 0 to 2, and their cell's center lies at 1


@dataclass(frozen=True, slots=True)
class Cells:
    """Balls over the rows, in coordinates z.

    centers : (k, q); radius : (k,), where the gates close; directions : (k, d, q), orthonormal;
    spread : (k, d), squares summed along each direction, descending
    """

    centers: Floats
    radius: Floats
    directions: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class LocalExperts:
    """Squared distances to a gate, local coordinates beside it, one addition and a ReLU."""

    def draw(
        self, context: MotifContext, n_motifs: int, name: str, rng: np.random.Generator
    ) -> MotifBlock:
        """Cover the rows by about ``n_motifs`` / (d + 1) cells of d + 1 features each."""
        cells = cover(context.points, n_motifs, rng)
        least = float(np.linalg.norm(context.radius)) / MAX_ZOOM
        cells = replace(cells, radius=np.maximum(cells.radius, least))
        gate_nodes, gate_tensors = _gates(context, cells, name)
        local_nodes, local_tensors = _coordinates(context, cells, name)
        total = Node(f"{name}.sum", "add", (local_nodes[-1].name, gate_nodes[-1].name))
        cut = Node(f"{name}.cut", "relu", (total.name,))
        k, d, _ = cells.directions.shape
        nodes = (*gate_nodes, *local_nodes, total, cut)
        return MotifBlock(nodes, {**gate_tensors, **local_tensors}, cut.name, k * (d + 1))


def cover(points: Floats, n_features: int, rng: np.random.Generator) -> Cells:
    """Cells over the points, (n, q), with about ``n_features`` centers and directions together.

    A first cover tells the dimension d inside its cells, the second has ``n_features`` / (d + 1)
    of them. The cost does not grow with n: a cell looks at ``POINTS_PER_CELL`` points.
    """
    most = min(points.shape[1], MAX_DIRECTIONS, max(1, n_features - 1))
    pilot = _cells(points, n_features // (most + 1), rng)
    d = min(most, _dimension(pilot.spread))
    cells = _cells(points, n_features // (d + 1), rng)
    return replace(cells, directions=cells.directions[:, :d], spread=cells.spread[:, :d])


def _dimension(spread: Floats) -> int:
    """How many directions hold ``LOCAL_SHARE`` of the squares inside the cells."""
    shares = np.cumsum(spread.sum(axis=0)) / max(float(spread.sum()), 1e-300)
    return 1 + int(np.searchsorted(shares, LOCAL_SHARE))


def _cells(points: Floats, n_cells: int, rng: np.random.Generator) -> Cells:
    n_cells = max(1, n_cells)
    sample = points[rng.permutation(len(points))[: POINTS_PER_CELL * n_cells]]
    centers = _spread_out(sample, n_cells)
    for _ in range(LLOYD_STEPS):
        centers = _means(sample, _owner(sample, centers))
    owner = _owner(sample, centers)
    away = (sample - centers[owner])[np.argsort(owner, kind="stable")]
    ends = np.cumsum(np.bincount(owner, minlength=len(centers)))[:-1]
    moments = np.stack([part.T @ part for part in np.split(away, ends)])
    spread, axes = np.linalg.eigh(moments)  # ascending, axes in columns
    radius = _reach(centers, away)
    return Cells(centers, radius, axes[:, :, ::-1].transpose(0, 2, 1), spread[:, ::-1])


def _spread_out(points: Floats, n_cells: int) -> Floats:
    """Farthest-point choice: each next center is the point farthest from all before, (k, q)."""
    chosen = [0]
    gaps = ((points - points[0]) ** 2).sum(axis=1)
    while len(chosen) < n_cells and gaps.max() > 0.0:
        chosen.append(int(gaps.argmax()))
        gaps = np.minimum(gaps, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _owner(points: Floats, centers: Floats) -> Ints:
    """The nearest center of each point, (n,)."""
    return np.asarray(KDTree(centers).query(points)[1], dtype=np.int64)


def _means(points: Floats, owner: Ints) -> Floats:
    """Middle of each cell's points, (k, q); a cell without points disappears."""
    counts = np.bincount(owner)
    sums = np.stack([np.bincount(owner, weights=column) for column in points.T], axis=1)
    return np.asarray(sums[counts > 0] / counts[counts > 0, None])


def _reach(centers: Floats, away: Floats) -> Floats:
    """Radius of each cell, (k,), from its near centers; a lone cell takes in its points."""
    if len(centers) == 1:
        return np.full(1, REACH * float(np.linalg.norm(away, axis=1).max()))
    near = min(NEAR, len(centers) - 1)
    return np.asarray(REACH * KDTree(centers).query(centers, near + 1)[0][:, -1])


def _gates(context: MotifContext, cells: Cells, name: str) -> tuple[list[Node], dict[str, Array]]:
    """B * gate - B for every feature: 0 where its gate is open, -B where it is shut."""
    grid = np.linspace(-1.0, 1.0, 2 * context.knots + 1)
    square, square_tensors = pwl_node(f"{name}.square", BOX, grid, grid**2)
    norm, norm_tensors = affine_node(
        f"{name}.norm", square.name, context.radius[None, :] ** 2, np.zeros(1)
    )
    join = Node(f"{name}.join", "concat", (BOX, norm.name))
    around = cells.centers - context.middle
    weight = np.hstack([-2.0 * around * context.radius, np.ones((len(around), 1))])
    bias = (around**2).sum(axis=1)
    unit, times = cells.radius**2, cells.directions.shape[1] + 1
    distance, distance_tensors = affine_node(
        f"{name}.distance",
        join.name,
        np.repeat(weight / unit[:, None], times, axis=0),
        np.repeat(bias / unit, times),
    )
    ends = np.array([0.0, 1.0])
    gate, gate_tensors = pwl_node(f"{name}.gate", distance.name, ends, -CEILING * ends)
    tensors = {**square_tensors, **norm_tensors, **distance_tensors, **gate_tensors}
    return [square, norm, join, distance, gate], tensors


def _coordinates(
    context: MotifContext, cells: Cells, name: str
) -> tuple[list[Node], dict[str, Array]]:
    """Every feature's local coordinate, cut to [0, B]; a cell's first is B throughout."""
    k, d, q = cells.directions.shape
    slopes = np.zeros((k, d + 1, q))
    slopes[:, 1:] = cells.directions / cells.radius[:, None, None]
    offsets = CEILING / 2.0 - np.einsum("kdq,kq->kd", slopes, cells.centers)
    offsets[:, 0] = CEILING
    weight, bias = context.fold(slopes.reshape(-1, q), offsets.reshape(-1))
    local, tensors = affine_node(f"{name}.local", BOX, weight, bias)
    limits = {"low": 0.0, "high": CEILING}
    return [local, Node(f"{name}.coordinates", "clip", (local.name,), limits)], tensors


PLUGIN: type[Motif] = LocalExperts
