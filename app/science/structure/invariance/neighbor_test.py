"""A test of invariance without a model, and whether transformed rows lie among the data.

For rows x_i of one part, j is the nearest row of another part to g x_i and j0 the nearest to x_i.
Where the distances are alike, (y_i - y_j)^2 - (y_i - y_j0)^2 has mean zero if the target is
invariant. It has less power than the averaging test and asks nothing of the teacher but the
metric, so it serves as a veto. A transformed row lies among the data if it is as near to them as
95 % of the data's own rows are.

Source: Christie and Aston 2023, arXiv:2303.13616 (asymmetric variation). Differs from the paper:
matched pairs, a t-test.
"""

from dataclasses import dataclass

import numpy as np
import torch

from app.science.linalg import Floats, squared_distances
from app.science.structure.invariance.averaging_test import mean_and_error, p_above_zero
from app.science.structure.invariance.signed_permutation import SignedPermutation
from app.science.structure.invariance.teacher import CrossFit

ALIKE = 1.5
MIN_PAIRS = 50
MAX_ROWS = 1000
SUPPORT_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class NeighborTest:
    """p : of "the target is invariant", 1 where too few pairs are alike; support : a share."""

    p: float
    support: float


@dataclass(frozen=True)
class _Part:
    """One half of the sample in the metric of the other: queries, and the rows to find.

    reach : (n,), distances to the nearest reference; own : (n,), (y - y_j0)^2
    """

    queries: slice
    y: Floats
    y_references: Floats
    references: torch.Tensor
    reach: Floats
    own: Floats

    def differences(self, moved: Floats) -> tuple[Floats, float]:
        """Of the pairs whose distances are alike, and the share of rows among the data."""
        found = squared_distances(torch.as_tensor(moved[self.queries]), self.references).min(1)
        distance = found.values.sqrt().numpy()
        ratio = distance / self.reach.clip(1e-12)
        alike = (ratio < ALIKE) & (ratio > 1.0 / ALIKE)
        there = _squares(self.y, self.y_references[found.indices.numpy()])
        near = distance <= np.quantile(self.reach, SUPPORT_QUANTILE)
        return (there - self.own)[alike], float(near.mean())


class NeighborTests:
    """Tests of any number of elements; the rows' own neighbors are searched once."""

    def __init__(self, fitted: CrossFit, center: Floats) -> None:
        self.fitted, self.center = fitted, center
        embedded = fitted.embedded(fitted.X)
        self.parts = [
            _part(Z, fitted.Y[rows]) for Z, rows in zip(embedded, fitted.held, strict=True)
        ]

    def test(self, element: SignedPermutation) -> NeighborTest:
        """Test one element."""
        moved = self.fitted.embedded(element(self.fitted.X, self.center))
        found = [part.differences(Z) for part, Z in zip(self.parts, moved, strict=True)]
        differences = np.concatenate([each for each, _ in found])
        p = 1.0
        if len(differences) >= MIN_PAIRS:
            p = p_above_zero(*mean_and_error(differences))
        return NeighborTest(p, min(share for _, share in found))


def _part(Z: Floats, Y: Floats) -> _Part:
    half = min(len(Z) // 2, MAX_ROWS)
    queries, references = slice(half, 2 * half), torch.as_tensor(Z[:half])
    own = squared_distances(torch.as_tensor(Z[queries]), references).min(dim=1)
    y, y_references = Y[queries], Y[:half]
    squares = _squares(y, y_references[own.indices.numpy()])
    return _Part(queries, y, y_references, references, own.values.sqrt().numpy(), squares)


def _squares(first: Floats, second: Floats) -> Floats:
    return np.asarray(((first - second) ** 2).sum(axis=1))
