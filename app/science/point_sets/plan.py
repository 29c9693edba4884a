"""How large the features of point sets are, and what is tried on them.

Source: none; plain data.
"""

from dataclasses import dataclass

from app.science.point_sets.pose import PoseName

DEFAULT_HEADS = ("ridge", "logistic")


@dataclass(frozen=True, slots=True)
class PointPlan:
    """Defaults suit 1,000 to 100,000 sets of up to a few thousand points.

    n_ridges, n_bumps : motifs of a point; radii : of the neighborhoods, in units of the data's
    spread per coordinate; pose : see ``Pose``; heads : candidates, see ``heads.HEADS``;
    kept_bytes : features that take no more are computed once
    """

    n_ridges: int = 512
    n_bumps: int = 64
    radii: tuple[float, ...] = (1.0, 2.0)
    pose: PoseName = "centered"
    heads: tuple[str, ...] = DEFAULT_HEADS
    kept_bytes: int = 2**31


LADDER = (PointPlan(n_ridges=64, n_bumps=16, radii=()), PointPlan())
"""Without neighborhoods first: a fifth of the time, and enough where single points tell."""
