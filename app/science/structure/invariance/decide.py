"""From candidates to findings: which generators pass all tests.

A generator passes where its columns matter, where averaging over it is shown to be harmless (at a
family-wise error rate over all candidates), where nothing speaks against it with or without a
model, and where the transformed rows lie among the data. What earlier generators imply needs no
further test.

Source: Holm 1979 (the family-wise error rate); the order of the tests is ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from app.science.structure.invariance.averaging_test import (
    HOPELESS,
    AveragingTest,
    averaging_test,
    holm,
)
from app.science.structure.invariance.candidate import Candidate, Sample, propose
from app.science.structure.invariance.group import Group
from app.science.structure.invariance.neighbor_test import NeighborTest, NeighborTests
from app.science.structure.invariance.report import Finding
from app.science.structure.invariance.signed_permutation import SignedPermutation, swap
from app.science.structure.invariance.study import Study

MAX_TESTED = 48
"""Candidates beyond, those least like a symmetry of the teacher's gradients, count as refused."""
LEVEL = 0.05
VETO_LEVEL = 0.01
NEIGHBOR_LEVEL = 0.001
"""Stricter: pairs share their neighbors, so their mean varies more than its error says."""
LEAST_SUPPORT = 0.9
IMPLIED = "follows from the others"
CONTRADICTION = "with the others it implies a change that the target does notice"


def findings(study: Study) -> list[tuple[Candidate, Finding]]:
    """Every tested candidate with its finding, the surest first."""
    proposed = propose(Sample(study.X, study.center, study.relevance, study.layout))
    candidates = sorted(proposed, key=lambda c: _mismatch(study, c.element))[:MAX_TESTED]
    tests = [
        averaging_test(study.base, study.predicted, candidate.element, study.center)
        for candidate in candidates
    ]
    left_out = len(proposed) - len(candidates)
    adjusted = holm([*(test.p_harm for test in tests), *(1.0,) * left_out])
    tested = sorted(zip(candidates, tests, adjusted, strict=False), key=lambda each: each[2])
    refuted = [c.element for c, test, _ in tested if test.p_asymmetry < HOPELESS]
    neighbors = NeighborTests(study.base, study.center)
    found, group = [], Group((), study.center)
    for candidate, test, p_harm in tested:
        finding = _finding(study, (candidate, test, float(p_harm)), group, neighbors)
        wider = group.with_generator(candidate.element)
        if finding.accepted and _contradicts(study, group, wider, refuted):
            finding = replace(finding, accepted=False, reason=CONTRADICTION)
        found.append((candidate, finding))
        group = wider if finding.accepted else group
    return found


def _contradicts(
    study: Study, group: Group, wider: Group, refuted: Sequence[SignedPermutation]
) -> bool:
    """Whether the wider group has an element that was refuted, or whose worst new swap is."""
    if any(wider.contains(element) for element in refuted):
        return True
    p = len(study.center)
    pairs = (pair for block in wider.blocks or () for pair in combinations(block.columns, 2))
    swaps = (swap(p, i, j) for i, j in pairs)
    new = [element for element in swaps if not group.contains(element)]
    if len(new) < 2:  # the generator itself, which was tested
        return False
    worst = max(new, key=lambda element: _mismatch(study, element))
    test = averaging_test(study.base, study.predicted, worst, study.center)
    return test.p_asymmetry < VETO_LEVEL


def _mismatch(study: Study, element: SignedPermutation) -> float:
    """How far the mean outer product of the gradients is from symmetric under the element."""
    if study.gradients is None or study.layout.kind != "table":
        return 0.0
    moved = element.conjugated(study.gradients)
    return float(np.abs(moved - study.gradients).sum())


def _finding(
    study: Study,
    tested: tuple[Candidate, AveragingTest, float],
    group: Group,
    neighbors: NeighborTests,
) -> Finding:
    candidate, test, p_harm = tested
    reason, checked = _first_objection(test, p_harm), None
    if not reason and group.contains(candidate.element):
        reason = IMPLIED
    if not reason:
        checked = neighbors.test(candidate.element)
        reason = _second_objection(checked)
    return Finding(
        group=candidate.group,
        text=candidate.text,
        accepted=not reason,
        reason=reason,
        p_harm=p_harm,
        p_asymmetry=test.p_asymmetry,
        p_neighbors=checked.p if checked else None,
        support=checked.support if checked else None,
        gain=test.gain / study.variance,
        gain_se=test.gain_se / study.variance,
    )


def _first_objection(test: AveragingTest, p_harm: float) -> str:
    if test.p_asymmetry < VETO_LEVEL:
        return "the target changes"
    if test.p_irrelevance > VETO_LEVEL:
        return "the columns it moves tell nothing about the target"
    return "not shown to be harmless" if p_harm > LEVEL else ""


def _second_objection(checked: NeighborTest) -> str:
    if checked.p < NEIGHBOR_LEVEL:
        return "neighbors of transformed rows have other targets"
    if checked.support < LEAST_SUPPORT:
        return "transformed rows lie outside the data"
    return ""
