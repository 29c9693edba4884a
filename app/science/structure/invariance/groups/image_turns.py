"""Quarter turns of square images.

Source: Sannai, Imaizumi and Kawano 2021 (finite groups on coordinates).
"""

from collections.abc import Iterator

import numpy as np

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Images, Kind
from app.science.structure.invariance.signed_permutation import permutation


class ImageTurns:
    """The quarter turn, and the half turn, which may hold where the quarter does not."""

    kind: Kind = "images"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """None for images that are not square."""
        layout = sample.layout
        if not isinstance(layout, Images) or layout.height != layout.width:
            return
        for turns, text in ((1, "turned by a quarter"), (2, "turned by a half")):
            yield Candidate(
                "image_turns", text, permutation(np.rot90(layout.places, turns).ravel())
            )


PLUGIN: type[CandidateGroup] = ImageTurns
