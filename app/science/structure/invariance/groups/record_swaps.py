"""Swaps of two records of a table: every field of one with the same field of the other.

A table may describe several things alike, field by field, such as delay1, delay2, delay3, gain1,
gain2, gain3. Then no two columns change places alone, but all of 2 and 3 together may. Fields show
as runs of neighboring columns with one distribution.

Source: Sannai, Imaizumi and Kawano 2021 (subgroups of S_n); the choice is ours.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Kind, Table
from app.science.structure.invariance.matching import MAX_DISTANCE, marginal_distance, relevant
from app.science.structure.invariance.signed_permutation import permutation

MAX_RECORDS = 6


class RecordSwaps:
    """Every pair of records, counted from the last columns of the runs, which may differ in length.

    The first record of a run is often a thing of another kind, and then not like the others.
    """

    kind: Kind = "table"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """None where there are fewer than two runs."""
        assert isinstance(sample.layout, Table)  # noqa: S101  (plug-ins see their kind only)
        name = sample.layout.name
        ends = [run[::-1] for run in _runs(sample)]
        if len(ends) < 2:
            return
        n_records = min(MAX_RECORDS, *(len(run) for run in ends))
        for i, j in combinations(range(n_records), 2):
            source = np.arange(sample.X.shape[1])
            for run in ends:
                source[[run[i], run[j]]] = run[j], run[i]
            ones, others = (", ".join(name(run[at]) for run in ends) for at in (i, j))
            text = f"{ones} change places with {others}"
            yield Candidate("record_swaps", text, permutation(source))


def _runs(sample: Sample) -> list[list[int]]:
    """Longest runs of two or more relevant neighbors with one distribution."""
    ordered = np.sort(sample.X, axis=0).T
    columns = relevant(sample.relevance, sample.X)
    runs = [[columns[0]]] if columns else []
    for before, here in pairwise(columns):
        alike = marginal_distance(ordered[before], ordered[here]) <= MAX_DISTANCE
        if here == before + 1 and alike:
            runs[-1].append(here)
        else:
            runs.append([here])
    return [run for run in runs if len(run) > 1]


PLUGIN: type[CandidateGroup] = RecordSwaps
