"""SWIM: ReLU units placed between pairs of rows where the target changes fast.

A unit's direction is the step between two rows, its kink lies at the first and its value at the
second is about 1; pairs are drawn in proportion to their difference quotient.

Source: Bolager et al. 2023, arXiv:2306.16830. Differs from the paper: ReLU instead of tanh pairs,
and one percent of the points' spread is added to each distance, since near-duplicates would
otherwise own the draw.
"""

from dataclasses import dataclass

import numpy as np

from app.science.mimicry.motif import BOX, Motif, MotifBlock, MotifContext, affine_node
from app.science.relu_network.network import Node

PAIRS_PER_MOTIF = 8
SPREAD_SHARE = 1e-2


@dataclass(frozen=True, slots=True)
class Swim:
    """One affine layer and a ReLU."""

    def draw(
        self, context: MotifContext, n_motifs: int, name: str, rng: np.random.Generator
    ) -> MotifBlock:
        """Draw ``n_motifs`` units."""
        Z, values = context.points, context.values
        n_pairs = PAIRS_PER_MOTIF * n_motifs
        first = rng.integers(0, len(Z), n_pairs)
        second = (first + rng.integers(1, len(Z), n_pairs)) % len(Z)
        step = Z[second] - Z[first]
        length = np.linalg.norm(step, axis=1) + SPREAD_SHARE * np.linalg.norm(Z.std(axis=0))
        odds = np.linalg.norm(values[second] - values[first], axis=1) / length
        odds = odds + 1e-12 * (1.0 + odds.max())
        chosen = rng.choice(n_pairs, n_motifs, p=odds / odds.sum())
        directions = step[chosen] / length[chosen, None] ** 2
        offsets = -(directions * Z[first[chosen]]).sum(axis=1)
        linear, tensors = affine_node(f"{name}.linear", BOX, *context.fold(directions, offsets))
        nodes = (linear, Node(f"{name}.relu", "relu", (linear.name,)))
        return MotifBlock(nodes, tensors, nodes[-1].name, n_motifs)


PLUGIN: type[Motif] = Swim
