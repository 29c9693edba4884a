"""Mirrors of point sets along one axis.

Source: Sannai, Imaizumi and Kawano 2021 (finite groups on coordinates).
"""

from collections.abc import Iterator

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Kind, PointSets
from app.science.structure.invariance.signed_permutation import flip


class PointMirrors:
    """Every axis."""

    kind: Kind = "point_sets"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """One candidate an axis."""
        layout = sample.layout
        if not isinstance(layout, PointSets):
            return
        p = layout.n_points * layout.dim
        for axis in range(layout.dim):
            element = flip(p, range(axis, p, layout.dim))
            yield Candidate("point_mirrors", f"axis {axis} is mirrored", element)


PLUGIN: type[CandidateGroup] = PointMirrors
