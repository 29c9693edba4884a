"""What to draw: the sizes that the architecture's advice decides and the transfer obeys.

Source: none; plain data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """Sizes of the network to draw.

    mixes : alternatives to race, each a map from motif to its share of ``n_motifs``; knots :
    pieces of a shared polygon; pseudo_rows : unlabelled points at which the teacher is
    copied, 0 for none
    """

    n_motifs: int
    mixes: tuple[Mapping[str, float], ...] = ({"radial": 1.0}, {"swim": 0.5, "pwl_wave": 0.5})
    knots: int = 128
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
