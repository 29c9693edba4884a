"""A candidate for an invariance, and what the plug-ins that propose candidates may look at.

Source: the interface is ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from app.science.linalg import Floats
from app.science.registry import FolderRegistry
from app.science.structure.invariance.layout import Kind, Layout
from app.science.structure.invariance.signed_permutation import SignedPermutation


@dataclass(frozen=True)
class Candidate:
    """One generator, by the group that proposes it.

    text : for people, such as ``columns 2 and 5 change places``
    """

    group: str
    text: str
    element: SignedPermutation


@dataclass(frozen=True)
class Sample:
    """What plug-ins may look at.

    X : (n, p), a sample of the rows; center : (p,), from where signs are counted; relevance :
    (p,) in [0, 1], how much the target moves with a column, the largest as 1
    """

    X: Floats
    center: Floats
    relevance: Floats
    layout: Layout


class CandidateGroup(Protocol):
    """Proposes generators for one kind of data."""

    kind: Kind

    def candidates(self, sample: Sample) -> Iterable[Candidate]:
        """Generators worth a test on this sample."""
        ...


GROUPS: FolderRegistry[type[CandidateGroup]] = FolderRegistry(
    "app.science.structure.invariance.groups"
)


def propose(sample: Sample) -> list[Candidate]:
    """The candidates of all plug-ins for the sample's kind of data."""
    plugins = [GROUPS.get(name)() for name in GROUPS.names()]
    mine = [plugin for plugin in plugins if plugin.kind == sample.layout.kind]
    return [candidate for plugin in mine for candidate in plugin.candidates(sample)]
