"""The group that accepted generators make, and whether it has a continuous canonical form.

Swaps and single sign flips of columns generate products of symmetric groups, with signs or
without: their orbits have one representative that is a ReLU network of the row, however large the
group. Any other group is averaged over, as long as it is small.

Source: Sannai, Imaizumi and Kawano 2021, Propositions 2 and 3 (sorted cones as quotient spaces).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from app.science.errors import ScienceError
from app.science.linalg import Floats
from app.science.structure.invariance.signed_permutation import SignedPermutation, closure

MAX_AVERAGED = 64
"""Largest group that is averaged over: every element costs one more evaluation."""
SWEEPS = 10


class GroupTooLarge(ScienceError):
    """A group without canonical form has too many elements to average over."""

    def __init__(self) -> None:
        super().__init__(
            f"the generators make more than {MAX_AVERAGED} elements, and orbits have no continuous"
            " canonical form; leave some generators out"
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Columns that may change places freely, and sign too where ``mirrored``."""

    columns: tuple[int, ...]
    mirrored: bool

    @property
    def order(self) -> int:
        """Number of elements."""
        return math.factorial(len(self.columns)) * (2 ** len(self.columns) if self.mirrored else 1)


@dataclass(frozen=True)
class Group:
    """Generators on p coordinates that are measured from ``center``, (p,)."""

    generators: tuple[SignedPermutation, ...]
    center: Floats

    @cached_property
    def blocks(self) -> tuple[Block, ...] | None:
        """The canonical form's blocks, or None where a generator is no swap and no single flip."""
        p = len(self.center)
        flips, edges = [], []
        for g in self.generators:
            moved = g.moved
            if len(moved) == 1:
                flips.append(int(moved[0]))
            elif len(moved) == 2 and (g.sign > 0).all():
                edges.append((int(moved[0]), int(moved[1])))
            else:
                return None
        parts = _components(p, edges)
        blocks = (Block(part, not set(flips).isdisjoint(part)) for part in parts)
        return tuple(block for block in blocks if block.order > 1)

    @cached_property
    def elements(self) -> tuple[SignedPermutation, ...] | None:
        """All elements, the identity first; None where there are more than ``MAX_AVERAGED``."""
        return closure(self.generators, len(self.center), MAX_AVERAGED)

    @property
    def order(self) -> int:
        """Number of elements.

        Raises
        ------
        GroupTooLarge
            It has no canonical form and more than ``MAX_AVERAGED`` elements.
        """
        if self.blocks is not None:
            return math.prod(block.order for block in self.blocks)
        if self.elements is None:
            raise GroupTooLarge
        return len(self.elements)

    @property
    def log_order(self) -> float:
        """Natural logarithm of ``order``."""
        return math.log(self.order)

    def averaged(self, matrix: Floats) -> Floats:
        """The mean of a symmetric (p, p) over the group; of large ones, near to it."""
        if self.elements is not None:
            return np.asarray(np.mean([g.conjugated(matrix) for g in self.elements], axis=0))
        for generator in self.generators * SWEEPS:
            matrix = (matrix + generator.conjugated(matrix)) / 2.0
        return matrix

    def contains(self, element: SignedPermutation) -> bool:
        """Whether the generators make this element; unknown of larger groups, so False."""
        if not self.generators:
            return False
        if self.blocks is not None:
            wider = Group((*self.generators, element), self.center)
            return wider.blocks is not None and wider.order == self.order
        return self.elements is not None and element.key in {g.key for g in self.elements}

    @property
    def usable(self) -> bool:
        """Whether it can be exploited: by a canonical form, or by averaging."""
        return self.blocks is not None or self.elements is not None

    def to_json(self) -> dict[str, Any]:
        """Generators and center as plain data, which ``from_json`` reads."""
        return {
            "permutations": [
                {"source": g.source.tolist(), "sign": g.sign.astype(int).tolist()}
                for g in self.generators
            ],
            "center": self.center.tolist(),
        }

    def with_generator(self, generator: SignedPermutation) -> "Group":
        """The group with one more generator; columns of one block share their center."""
        wider = Group((*self.generators, generator), self.center)
        return replace(wider, center=_shared(self.center, wider.blocks or ()))


def from_json(document: Mapping[str, Any]) -> Group:
    """The group that ``Group.to_json`` wrote."""
    generators = tuple(
        SignedPermutation(np.array(g["source"], dtype=np.int64), np.array(g["sign"], dtype=float))
        for g in document["permutations"]
    )
    return Group(generators, np.array(document["center"], dtype=np.float64))


def _shared(center: Floats, blocks: Sequence[Block]) -> Floats:
    found = center.copy()
    for block in blocks:
        columns = list(block.columns)
        found[columns] = center[columns].mean()
    return found


def _components(p: int, edges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Connected components of p nodes, each ascending."""
    label = np.arange(p)
    for i, j in edges:
        label[label == label[i]] = label[j]
    for name in np.unique(label):
        yield tuple(int(j) for j in np.flatnonzero(label == name))
