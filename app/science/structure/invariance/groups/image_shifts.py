"""Shifts of images by one pixel; what leaves on one side comes back on the other.

For images with an even margin this is a shift; elsewhere the support check refuses it.

Source: Sannai, Imaizumi and Kawano 2021 (finite groups on coordinates).
"""

from collections.abc import Iterator

import numpy as np

from app.science.structure.invariance.candidate import Candidate, CandidateGroup, Sample
from app.science.structure.invariance.layout import Images, Kind
from app.science.structure.invariance.signed_permutation import permutation


class ImageShifts:
    """One pixel to the right and one pixel down."""

    kind: Kind = "images"

    def candidates(self, sample: Sample) -> Iterator[Candidate]:
        """To the right first."""
        layout = sample.layout
        if not isinstance(layout, Images):
            return
        for axis, text in ((1, "shifted by one pixel sideways"), (0, "shifted by one pixel down")):
            yield Candidate(
                "image_shifts", text, permutation(np.roll(layout.places, 1, axis).ravel())
            )


PLUGIN: type[CandidateGroup] = ImageShifts
