"""Signed permutations of centered coordinates, and the finite groups that they generate.

Column swaps, sign flips, mirrors, cyclic shifts and quarter turns of images, permutations, axis
flips and quarter turns of point sets: all of them are signed permutations.

Source: Sannai, Imaizumi and Kawano 2021, "Improved generalization bounds of group invariant /
equivariant deep networks via quotient feature spaces" (finite groups acting on coordinates).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats


@dataclass(frozen=True)
class SignedPermutation:
    """(g x)[i] = sign[i] * x[source[i]]; signs are counted from a center.

    source : (p,), int64; sign : (p,), +1 or -1
    """

    source: NDArray[np.int64]
    sign: Floats

    def __call__(self, X: Floats, center: Floats) -> Floats:
        """The rows g x, (n, p); a group needs one center for the coordinates of an orbit."""
        return np.asarray(X[:, self.source] * self.sign + self.offset(center))

    def offset(self, center: Floats) -> Floats:
        """(p,), what is added: places keep their values, mirrored ones turn about the center."""
        return np.asarray(np.where(self.sign < 0, center + center[self.source], 0.0))

    def after(self, first: "SignedPermutation") -> "SignedPermutation":
        """The element that does ``first`` and then this one."""
        return SignedPermutation(first.source[self.source], self.sign * first.sign[self.source])

    def conjugated(self, matrix: Floats) -> Floats:
        """P^T matrix P of a symmetric (p, p): a metric as seen after this element."""
        back = np.argsort(self.source)
        sign = self.sign[back]
        return np.asarray(matrix[np.ix_(back, back)] * np.outer(sign, sign))

    @property
    def moved(self) -> NDArray[np.int64]:
        """The coordinates that are not left as they are."""
        there = np.arange(len(self.source))
        return np.flatnonzero((self.source != there) | (self.sign < 0))

    @property
    def key(self) -> bytes:
        """Equal for equal elements."""
        return self.source.tobytes() + (self.sign < 0).tobytes()


def identity(p: int) -> SignedPermutation:
    """The element that does nothing."""
    return SignedPermutation(np.arange(p), np.ones(p))


def permutation(source: NDArray[np.int64]) -> SignedPermutation:
    """(g x)[i] = x[source[i]]."""
    return SignedPermutation(np.asarray(source, dtype=np.int64), np.ones(len(source)))


def swap(p: int, first: int, second: int) -> SignedPermutation:
    """Two coordinates change places."""
    source = np.arange(p)
    source[[first, second]] = second, first
    return permutation(source)


def flip(p: int, columns: Sequence[int]) -> SignedPermutation:
    """Some coordinates change sign."""
    sign = np.ones(p)
    sign[list(columns)] = -1.0
    return SignedPermutation(np.arange(p), sign)


def closure(
    generators: Sequence[SignedPermutation], p: int, most: int
) -> tuple[SignedPermutation, ...] | None:
    """All elements of the generated group, the identity first; None where they exceed ``most``."""
    found = {identity(p).key: identity(p)}
    fresh = list(found.values())
    while fresh:
        products = {h.key: h for g in generators for h in (g.after(f) for f in fresh)}
        fresh = [h for key, h in products.items() if key not in found]
        found.update((h.key, h) for h in fresh)
        if len(found) > most:
            return None
    return tuple(found.values())


def cycle(element: SignedPermutation, most: int) -> tuple[SignedPermutation, ...]:
    """The powers of one element; of a longer cycle only the identity and one step either way."""
    p = len(element.source)
    powers = closure([element], p, most)
    if powers is not None:
        return powers
    back = np.argsort(element.source)
    return identity(p), element, SignedPermutation(back, element.sign[back])
