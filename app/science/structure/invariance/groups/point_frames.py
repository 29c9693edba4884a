"""Quarter turns of point sets in every plane of two axes: the frames of the cube.

They generate the rotations of the cube (24 in three dimensions), the finite part of all rotations
that is a group of signed permutations.

Source: Puny et al. 2022, arXiv:2110.03336 (averaging over frames). Differs from the paper: the
frames are the cube's, for all sets alike, so the average stays continuous and exact.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Kind, PointSets
from app.science.structure.invariance.signed_permutation import SignedPermutation


class PointFrames:
    """One quarter turn a plane; the first of three dimensions is the one about the last axis."""

    kind: Kind = "point_sets"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """One candidate a pair of axes."""
        layout = sample.layout
        if not isinstance(layout, PointSets):
            return
        for first, second in combinations(range(layout.dim), 2):
            text = f"turned by a quarter in the plane of axes {first} and {second}"
            yield Candidate("point_frames", text, _quarter_turn(layout, first, second))


def _quarter_turn(layout: PointSets, first: int, second: int) -> SignedPermutation:
    places = np.arange(layout.n_points * layout.dim).reshape(layout.n_points, layout.dim)
    sign = np.ones(places.shape)
    source = places.copy()
    source[:, first], source[:, second] = places[:, second], places[:, first]
    sign[:, first] = -1.0
    return SignedPermutation(source.ravel(), sign.ravel())


PLUGIN: type[CandidateGroup] = PointFrames
