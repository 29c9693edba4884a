"""Radial motifs: the teacher's own kernel units, with square and profile replaced by polygons.

The squared distance to center c is |z|^2 - 2 c z + |c|^2. One polygon gives the square of every
coordinate, shared by all centers and never below it, so that the distances stay positive up to
rounding; one polygon shared by all units gives the kernel's profile. A unit costs q + 2 numbers
with its head.

Source: Yarotsky 2017, doi:10.1016/j.neunet.2017.07.002 (squares from ReLUs). Differs from the
paper: pieces as many as the box asks for, and knots of the profile in geometric progression, so
that the piece of a value is the whole part of a logarithm.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from app.science.linalg import Floats
from app.science.mimicry.kernels import KERNELS, Kernel, KernelName, kernel_matrix
from app.science.mimicry.motif import BOX, Motif, MotifBlock, MotifContext, affine_node, pwl_node
from app.science.relu_network.network import Node

JITTER = 1e-5
SQUARE_ERROR = 1e-7
"""Of the squared distances, in squared bandwidths."""
FAR: dict[KernelName, float] = {"gauss": 70.0, "laplace": 900.0}
"""Where the profile has fallen below 1e-13."""
OFFSETS = np.geomspace(1e-8, 30.0, 60)
SAMPLES = 8


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
        half_square = context.radius**2 / width
        pieces = math.ceil(math.sqrt(half_square.sum() / (4.0 * SQUARE_ERROR)))
        square = Node(f"{name}.square", "square", (BOX,), {"pieces": float(max(1, pieces))})
        norm, tensors = affine_node(f"{name}.norm", square.name, half_square[None, :], np.zeros(1))
        join = Node(f"{name}.join", "concat", (BOX, norm.name))
        around = centers - context.middle
        weight = np.hstack([-2.0 * around * context.radius / width, np.ones((len(centers), 1))])
        bias = (around**2).sum(axis=1) / width
        distance, more = affine_node(f"{name}.distance", join.name, weight, bias)
        tensors.update(more)
        knots, values = profile_knots(kernel, context.knots)
        unit, more = pwl_node(f"{name}.profile", distance.name, knots, values)
        tensors.update(more)
        nodes = (square, norm, join, distance, unit)
        penalty = kernel_matrix(context.kernel, centers, centers, width)
        penalty[np.diag_indices_from(penalty)] += JITTER
        return MotifBlock(nodes, tensors, unit.name, len(centers), penalty)


def _centers(context: MotifContext, n_motifs: int, rng: np.random.Generator) -> Floats:
    centers = context.centers[:n_motifs]
    missing = min(n_motifs - len(centers), len(context.points))
    if missing <= 0:
        return centers
    return np.concatenate([centers, context.points[rng.permutation(len(context.points))[:missing]]])


def profile_knots(kernel: Kernel, pieces: int) -> tuple[Floats, Floats]:
    """Knots (pieces + 1,) from 0 with ``knots + offset`` geometric, and the profile there.

    The offset is the one of least largest chord error among a few.
    """
    errors = [_chord_error(kernel, _geometric(kernel, pieces, offset)) for offset in OFFSETS]
    knots = _geometric(kernel, pieces, OFFSETS[int(np.argmin(errors))])
    return knots, _values(kernel, knots)


def _geometric(kernel: Kernel, pieces: int, offset: float) -> Floats:
    ratio = math.log1p(FAR[kernel.name] / offset) / pieces
    return np.asarray(offset * np.expm1(ratio * np.arange(pieces + 1.0)))


def _values(kernel: Kernel, s: Floats) -> Floats:
    return np.asarray(kernel.profile(torch.as_tensor(s)).numpy())


def _chord_error(kernel: Kernel, knots: Floats) -> float:
    shares = np.arange(1, SAMPLES) / SAMPLES
    inner = knots[:-1, None] + shares * np.diff(knots)[:, None]
    ends = _values(kernel, knots)
    chords = ends[:-1, None] + shares * np.diff(ends)[:, None]
    return float((chords - _values(kernel, inner)).max())


PLUGIN: type[Motif] = Radial
