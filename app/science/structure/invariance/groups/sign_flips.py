"""Sign flips of symmetric columns of a table, one by one and all of them at once.

Source: Sannai, Imaizumi and Kawano 2021 (finite groups on coordinates); the choice is ours.
"""

from collections.abc import Iterator

import numpy as np

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Kind, Table
from app.science.structure.invariance.matching import MAX_DISTANCE, marginal_distance, relevant
from app.science.structure.invariance.signed_permutation import flip

MIN_VALUES = 3
"""The two values of a column mirrored are a column that does not matter."""


class SignFlips:
    """Relevant columns that are symmetric about their center."""

    kind: Kind = "table"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """One candidate a column, and the flip of all of them."""
        assert isinstance(sample.layout, Table)  # noqa: S101  (plug-ins see their kind only)
        p = sample.X.shape[1]
        columns = [j for j in relevant(sample.relevance, sample.X) if _symmetric(sample, j)]
        for j in columns:
            yield Candidate("sign_flips", f"{sample.layout.name(j)} is mirrored", flip(p, [j]))
        if len(columns) > 1:
            yield Candidate("sign_flips", "all symmetric columns are mirrored", flip(p, columns))


def _symmetric(sample: Sample, j: int) -> bool:
    values = np.sort(sample.X[:, j] - sample.center[j])
    if len(np.unique(values)) < MIN_VALUES:
        return False
    return marginal_distance(values, -values[::-1]) <= MAX_DISTANCE


PLUGIN: type[CandidateGroup] = SignFlips
