"""The function of a ``pwl`` node as a table of pieces, with what its evaluation may be off.

Source: none; the operation is defined in ``network.py``, its evaluation in ``evaluate.py``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.relu_network.network import Network, Node

Floats = NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-53


def gamma(n: int, unit: float = UNIT_ROUNDOFF) -> float:
    """Relative error bound of n roundings."""
    return n * unit / (1.0 - n * unit)


@dataclass(frozen=True)
class Polygon:
    """Piece i, between knots i - 1 and i, is offsets[i] + slopes[i] * t.

    knots : (l,), ascending; slopes, offsets : (l + 1,); weight, moment : sums of the sizes of the
    coefficients, and of their products with the knots, which size the table's rounding
    """

    knots: Floats
    slopes: Floats
    offsets: Floats
    weight: float
    moment: float

    def pieces(self, low: float, high: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Start, end, offset and slope of the pieces that cover [low, high]."""
        edges = np.concatenate([[low], self.knots.clip(low, high), [high]])
        used = edges[1:] > edges[:-1]
        return edges[:-1][used], edges[1:][used], self.offsets[used], self.slopes[used]

    def largest(self, low: float, high: float) -> float:
        """Largest absolute value on [low, high]."""
        start, end, offset, slope = self.pieces(low, high)
        return float(np.abs(offset + slope * np.stack([start, end])).max(initial=0.0))

    def rounding(self, low: float, high: float, unit: float = UNIT_ROUNDOFF) -> float:
        """Largest error of an evaluation on [low, high] whose table was made in float64."""
        start, end, offset, slope = self.pieces(low, high)
        size = np.abs(offset) + np.abs(slope) * np.maximum(np.abs(start), np.abs(end))
        reach = max(abs(low), abs(high))
        table = gamma(len(self.knots) + 3) * (self.moment + self.weight * reach)
        return table + 6.0 * unit * float(size.max(initial=0.0))


def polygon(node: Node, network: Network) -> Polygon:
    """The polygon of a ``pwl`` node, or of a ``square`` node on [-1, 1]."""
    if node.op == "square":
        return _square(int(node.attributes["pieces"]))
    knots = np.asarray(network.tensors[node.tensor("knots")], dtype=np.float64)
    steps = np.asarray(network.tensors[node.tensor("coefficients")], dtype=np.float64)
    order = np.argsort(knots, kind="stable")
    knots, steps = knots[order], steps[order]
    slope, intercept = node.attributes["slope"], node.attributes["intercept"]
    return Polygon(
        knots=knots,
        slopes=slope + np.concatenate([[0.0], np.cumsum(steps)]),
        offsets=intercept - np.concatenate([[0.0], np.cumsum(steps * knots)]),
        weight=float(abs(slope) + np.abs(steps).sum()),
        moment=float(abs(intercept) + np.abs(steps * knots).sum()),
    )


def _square(pieces: int) -> Polygon:
    """Its evaluation reads no table, so only the size of a piece counts."""
    ends = np.arange(-pieces, pieces + 1) / pieces
    slopes, offsets = ends[1:] + ends[:-1], -ends[1:] * ends[:-1]
    return Polygon(ends[1:-1], slopes, offsets, weight=0.0, moment=0.0)
