"""Radial motifs: the teacher's own kernel units, with square and profile replaced by polygons.

The squared distance to center c is |z|^2 - 2 c z + |c|^2. One polygon a coordinate gives |z|^2,
shared by all centers and never below it, so that the distances stay positive up to rounding; one
polygon shared by all units gives the kernel's profile. A unit costs q + 2 numbers with its head.

Source: Yarotsky 2017, doi:10.1016/j.neunet.2017.07.002 (squares from ReLUs). Differs from the
paper: a polygon of equal pieces instead of sawtooth compositions, and the head is solved on the
network's own features, so that no approximation error reaches the prediction unnoticed.
"""

from dataclasses import dataclass

import numpy as np
import torch

from app.science.linalg import Floats, squared_distances
from app.science.mimicry.kernels import KERNELS, Kernel
from app.science.mimicry.motif import BOX, Motif, MotifBlock, MotifContext, affine_node, pwl_node
from app.science.relu_network.network import Node

JITTER = 1e-5
FIRST_KNOT = 1e-3
GRID = 4000
SQUARE_KNOTS = 2  # times as many pieces for the squares: they are shared, hence nearly free


@dataclass(frozen=True, slots=True)
class Radial:
    """Square polygon, one affine layer, profile polygon."""

    def draw(
        self, context: MotifContext, n_motifs: int, name: str, rng: np.random.Generator
    ) -> MotifBlock:
        """Take the teacher's first centers, and random rows once these are used up."""
        centers = _centers(context, n_motifs, rng)
        kernel = KERNELS[context.kernel]
        width = context.squared_bandwidth
        grid = np.linspace(-1.0, 1.0, SQUARE_KNOTS * context.knots + 1)
        square, tensors = pwl_node(f"{name}.square", BOX, grid, grid**2)
        half_square = context.radius**2 / width
        norm, more = affine_node(f"{name}.norm", square.name, half_square[None, :], np.zeros(1))
        tensors.update(more)
        join = Node(f"{name}.join", "concat", (BOX, norm.name))
        around = centers - context.middle
        weight = np.hstack([-2.0 * around * context.radius / width, np.ones((len(centers), 1))])
        bias = (around**2).sum(axis=1) / width
        distance, more = affine_node(f"{name}.distance", join.name, weight, bias)
        tensors.update(more)
        farthest = float(half_square.sum() + np.abs(weight[:, :-1]).sum(axis=1).max() + bias.max())
        knots, values = profile_knots(kernel, context.knots, farthest)
        unit, more = pwl_node(f"{name}.profile", distance.name, knots, values)
        tensors.update(more)
        nodes = (square, norm, join, distance, unit)
        penalty = _square(kernel, centers, width)
        return MotifBlock(nodes, tensors, unit.name, len(centers), penalty)


def _centers(context: MotifContext, n_motifs: int, rng: np.random.Generator) -> Floats:
    centers = context.centers[:n_motifs]
    missing = min(n_motifs - len(centers), len(context.points))
    if missing <= 0:
        return centers
    return np.concatenate([centers, context.points[rng.permutation(len(context.points))[:missing]]])


def _square(kernel: Kernel, centers: Floats, width: float) -> Floats:
    points = torch.as_tensor(centers)
    square = kernel.profile(squared_distances(points, points) / width).numpy()
    return np.asarray(square + JITTER * np.eye(len(centers)))


def profile_knots(kernel: Kernel, pieces: int, farthest: float) -> tuple[Floats, Floats]:
    """Knots (pieces + 1,) of equal chord error on [0, farthest], and the profile there.

    The chord error over a short piece is |f''| h^2 / 8, so the density of knots is sqrt(|f''|).
    """
    fine = np.concatenate([[0.0], np.geomspace(FIRST_KNOT, max(farthest, 1.0), GRID)])
    slope = kernel.slope(torch.as_tensor(fine)).numpy()
    density = np.sqrt(np.abs(np.gradient(slope, fine)))
    area = np.diff(fine) * (density[1:] + density[:-1]) / 2.0
    total = np.concatenate([[0.0], np.cumsum(area)])
    knots = np.interp(np.linspace(0.0, total[-1], pieces + 1), total, fine)
    knots = np.unique(knots)
    return knots, kernel.profile(torch.as_tensor(knots)).numpy()


PLUGIN: type[Motif] = Radial
