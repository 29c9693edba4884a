"""How to carry a teacher over.

Source: none; plain data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COPIED = "radial"
"""The motif that is the teacher's own unit."""


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """By default every center of the teacher becomes one radial motif with its own weight.

    mixes : drawn motifs instead, as alternatives to race, each a map from motif to its share of
    ``n_motifs``; their head is solved anew; knots : pieces of a shared polygon, by its error
    where None; pseudo_rows : unlabelled points at which the teacher is copied, 0 for none
    """

    n_motifs: int = 1000
    mixes: tuple[Mapping[str, float], ...] = ()
    knots: int | None = None
    pseudo_rows: int = 4000
    calibrate: bool = True

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "n_motifs": self.n_motifs,
            "mixes": [dict(mix) for mix in self.mixes],
            "knots": self.knots,
            "pseudo_rows": self.pseudo_rows,
            "calibrate": self.calibrate,
        }
