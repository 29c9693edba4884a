"""Mirrors of images, left to right and top to bottom.

Source: Sannai, Imaizumi and Kawano 2021 (finite groups on coordinates).
"""

from collections.abc import Iterator

import numpy as np

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Images, Kind
from app.science.structure.invariance.signed_permutation import permutation

LEFT_TO_RIGHT = "left and right change sides"
TOP_TO_BOTTOM = "top and bottom change sides"


class ImageMirrors:
    """Both mirrors."""

    kind: Kind = "images"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """Left to right first."""
        layout = sample.layout
        if not isinstance(layout, Images):
            return
        for axis, text in ((1, LEFT_TO_RIGHT), (0, TOP_TO_BOTTOM)):
            yield Candidate(
                "image_mirrors", text, permutation(np.flip(layout.places, axis).ravel())
            )


PLUGIN: type[CandidateGroup] = ImageMirrors
