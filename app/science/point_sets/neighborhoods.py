"""A point described by itself and by the points around it: a second hop without training.

Around each point, at a few radii h, neighbors weigh w = relu(1 - |x - y|^2 / h^2). The share of
the set that they are, their mean relative to the point and the covariance of their positions say
whether the point lies on a line, an edge, a plane or in a heap, and where that goes.

Source: Zhang et al. 2020, arXiv:1907.12766 (PointHop). Differs from the paper: weights that fall
with the distance instead of the nearest k points, whose choice jumps and has ties, and moments
instead of octant means. Squares and the quotient by the weights' sum are fixed operations, of
which ``network.Node`` has the square; all that is fitted is linear and ReLU.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement

from app.science.point_sets.ops import Ops, T


@dataclass(frozen=True)
class Neighborhoods:
    """radii : h, in units of the data's spread per coordinate."""

    radii: tuple[float, ...]
    dim: int
    n_channels: int

    @property
    def square_at(self) -> int:
        """The column of |x|^2, after positions and channels."""
        return self.dim + self.n_channels

    @property
    def width(self) -> int:
        """Columns of the description, q."""
        return self.square_at + 1 + len(self.radii) * (1 + self.square_at + self._n_products)

    @property
    def _n_products(self) -> int:
        return self.dim * (self.dim + 1) // 2

    def describe(self, ops: Ops[T], own: T, present: T) -> T:
        """(n, k, q): the point itself, |x|^2, and for each radius share, mean and covariance.

        Parameters
        ----------
        own : (n, k, d + f), positions x and channels; present : (n, k, 1)
        """
        positions = ops.columns(own, 0, self.dim)
        square = ops.total(positions * positions, 2)
        if not self.radii:
            return ops.joined([own, square])
        inner = positions @ ops.transposed(positions)
        distances = square + ops.transposed(square) - inner * 2.0  # (n, k, k)
        # Moments in float64: their differences cancel, which cost a digit of the answer.
        there, wide = ops.wide(present), ops.wide(own)
        moments = ops.joined([there, wide, self._products(ops, wide)]) * there
        count = ops.total(there, 1)
        found = [own, square]
        for radius in self.radii:
            weights = ops.relu(distances * (-1.0 / radius**2) + 1.0)
            local = self._local(ops, ops.wide(weights) @ moments, wide, radius, count)
            found += [ops.narrow(part) for part in local]
        return ops.joined(found)

    def _local(self, ops: Ops[T], sums: T, own: T, radius: float, count: T) -> list[T]:
        mass = ops.columns(sums, 0, 1)
        # A padded point may have no neighbors; every other is its own.
        means = sums / (mass + ops.relu(mass * -1.0 + 0.5))
        places = 1 + self.square_at
        first = ops.columns(means, 1, places)
        second = ops.columns(means, places, places + self._n_products)
        spread = second - self._products(ops, first)
        return [mass / count, (first - own) / radius, spread / radius**2]

    def _products(self, ops: Ops[T], x: T) -> T:
        """Products of two of the first d columns, each pair once."""
        column = [ops.columns(x, i, i + 1) for i in range(self.dim)]
        return ops.joined([a * b for a, b in combinations_with_replacement(column, 2)])
