"""A ``pwl`` node by its pieces: the table of straight lines, and which of them a value is on.

Where the knots are equally spaced, or in geometric progression up to an offset, the piece of a
value is the whole part of its ``Spacing.place``, an affine map of it or of a logarithm. It takes
the same time for any number of knots, where a search takes O(log l).

The place is computed in float32, also for float64 values, with which it is used in two ways.

Exactly: ``spacing`` has made sure that the knots' places in float32 are off by ``MARGIN`` at most.
Rounding keeps the order of values, so a value of piece i has a place in [i - MARGIN, i + 1 +
MARGIN], and the whole part of place - 1/2 is i - 1 or i: one comparison with the knot of that
number, counted from 0, decides. (A logarithm that errs by last digits finds room: any margin below
1/2 would do.)

Without the comparison, for values that are float32 themselves: let u be the unit roundoff. The
difference t = x - origin is off by about u max(|x|, |origin|), its logarithm by u (1 + |log t|) and
the place by a few u (|shift| + |scale log t|), so in x by a distance d of a few dozen u max(|x|,
|origin|), whatever the number of knots; equal spacing is the case without the logarithm. Knots lie
off their places by ``SLACK`` of a piece at most. A value that lands on the wrong side of a knot is
thus within d of it, and both lines meet in the knot, so that the wrong one is off by |coefficient
of the knot| d: what rounding of x costs anyway, up to a small factor.

Source: Ogita, Rump and Oishi 2005, doi:10.1137/030601818 (sums with the rounding errors added);
the operation is defined in ``network.py``.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.relu_network.network import Array, Node

SLACK, MARGIN = 1e-9, 0.25
MIN_REGULAR = 3
"""Knots below which a search takes two steps at most."""
MAX_LOSS = 4.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spacing:
    """Knots with whole places, 1 at the first: place(x) = shift + scale * g(x - origin).

    g is the logarithm if ``geometric``, else the identity. x is first clipped to [low, high], half
    a piece beyond the outer knots, so that the whole part of the place is the number of its piece.
    """

    geometric: bool
    origin: float
    scale: float
    shift: float
    low: float
    high: float

    def numbers(self) -> tuple[float, ...]:
        """The fields in order."""
        return tuple(map(float, astuple(self)))


@dataclass(frozen=True)
class Pieces:
    """Piece i, between knots i - 1 and i, is offsets[i] + slopes[i] * x.

    knots : (l,) ascending; slopes, offsets : (l + 1,)
    """

    knots: Floats
    slopes: Floats
    offsets: Floats

    @property
    def cancels(self) -> bool:
        """Offsets and slopes are so large that digits are lost when they meet."""
        if not len(self.knots):
            return False
        left, right = self.slopes[:-1] * self.knots, self.slopes[1:] * self.knots
        largest = max(float(np.abs(part).max()) for part in (self.offsets, left, right))
        return largest > MAX_LOSS * float(np.abs(self.offsets[:-1] + left).max())


def compiled(node: Node, tensors: Mapping[str, Array]) -> Pieces:
    """The table of one node, whose knots may come in any order."""
    knots = np.asarray(tensors[node.tensor("knots")], dtype=np.float64)
    bends = np.asarray(tensors[node.tensor("coefficients")], dtype=np.float64)
    order = np.argsort(knots, kind="stable")
    knots, bends = knots[order], bends[order]
    slopes = _sums(node.attributes["slope"], bends)
    return Pieces(knots, slopes, _sums(node.attributes["intercept"], -bends * knots))


def _sums(start: float, steps: Floats) -> Floats:
    """The start and all sums from it, (l + 1,), as if added in twice the digits.

    A profile's slopes fall by twelve orders of magnitude: in a plain sum the last ones are rounding
    errors of the first, which count where x is large.
    """
    terms = np.concatenate([[start], steps])
    plain = np.cumsum(terms)
    before, after = plain[:-1], plain[1:]
    added = after - before
    lost = (before - (after - added)) + (steps - added)
    return np.asarray(plain + np.concatenate([[0.0], np.cumsum(lost)]))


def spacing(knots: Floats) -> Spacing | None:
    """The law of ascending knots (l,), or None if they follow none that is known here."""
    if len(knots) < MIN_REGULAR or not (np.diff(knots) > 0.0).all():
        return None
    with np.errstate(all="ignore"):  # what overflows fits no law
        origin = _origin(knots)
        law = _fitted(knots, float(knots[0]), geometric=False)
        if law is None and -np.inf < origin < knots[0]:
            law = _fitted(knots, origin, geometric=True)
        return law if law and _off(law, knots.astype(np.float32)) <= MARGIN else None


def _origin(knots: Floats) -> float:
    """Where differences to first, middle and last knot of an odd number are geometric."""
    middle = (len(knots) - 1) // 2
    first, center, last = (float(knots[i]) for i in (0, middle, 2 * middle))
    twice = first + last - 2.0 * center
    return (first * last - center * center) / twice if twice else -np.inf


def _fitted(knots: Floats, origin: float, *, geometric: bool) -> Spacing | None:
    g = np.log(knots - origin) if geometric else knots - origin
    scale = float((len(knots) - 1) / (g[-1] - g[0]))
    half = 0.5 / scale
    ends = np.array([g[0] - half, g[-1] + half])
    low, high = (np.exp(ends) if geometric else ends) + origin
    law = Spacing(geometric, origin, scale, float(1.0 - scale * g[0]), float(low), float(high))
    return law if _off(law, knots) <= SLACK else None


def _off(law: Spacing, knots: NDArray[np.floating]) -> float:
    """Largest distance of the knots' places from their whole numbers, in the type of the knots."""
    origin, scale, shift = (knots.dtype.type(n) for n in (law.origin, law.scale, law.shift))
    t = knots - origin
    places = shift + scale * (np.log(t) if law.geometric else t)
    off = np.abs(places - np.arange(1.0, len(knots) + 1.0)).max()
    return float(off) if np.isfinite(off) else np.inf
