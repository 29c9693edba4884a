"""Does the target jump? Two witnesses and a verdict.

The jump index sees the rows alone and needs little noise at small distances; the contest sees what
models make of the rows and stands noise of any shape, but a kernel with few columns follows a jump
nearly as well as trees do. So the index decides where its interval lies clear of the border, and
the contest where it does not.

Source: Imaizumi and Fukumizu 2022, JMLR 23(111) (why the sides differ). The two borders were set
on the synthetic families of ``benchmarks.structure_phase`` with seeds of their own.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.science.structure.contest import Contest
from app.science.structure.noise import Estimate

Side = Literal["smooth", "jump", "undecided"]
Confidence = Literal["high", "medium", "low"]

JUMP_BELOW, SMOOTH_ABOVE = 1.75, 1.85
"""Jump indices of clear cases; between them lies the border."""
WORTH, SURE = 0.05, 2.0
"""A lead counts with this share of the kernel's error and this many standard errors."""


@dataclass(frozen=True)
class Witness:
    """One piece of evidence: what it says, and the sentence for people."""

    name: str
    says: Side
    because: str


@dataclass(frozen=True)
class Verdict:
    """The side of the data, and why."""

    side: Side
    confidence: Confidence
    witnesses: tuple[Witness, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def judge(jump_index: Estimate | None, contest: Contest) -> Verdict:
    """Weigh both witnesses.

    Parameters
    ----------
    jump_index : None where the target has classes or noise hides it
    """
    index, race = from_jump_index(jump_index), from_contest(contest)
    side = race.says if index.says == "undecided" else index.says
    return Verdict(side, _confidence(index.says, race.says), (index, race))


def _confidence(index: Side, race: Side) -> Confidence:
    if index == race:
        return "low" if index == "undecided" else "high"
    return "medium" if "undecided" in (index, race) else "low"


def from_jump_index(index: Estimate | None) -> Witness:
    """A side, where the interval does not reach into the other one."""
    if index is None:
        return Witness("jump_index", "undecided", "the jump index cannot be read here")
    if index.value < JUMP_BELOW and index.high < SMOOTH_ABOVE:
        says: Side = "jump"
    elif index.value > SMOOTH_ABOVE and index.low > JUMP_BELOW:
        says = "smooth"
    else:
        says = "undecided"
    text = f"J = {index.value:.2f} [{index.low:.2f}, {index.high:.2f}]"
    return Witness("jump_index", says, f"{text}; 2 for a smooth target, towards 1 for jumps")


def from_contest(contest: Contest) -> Witness:
    """Jump where trees mend the kernel and gain as fast from rows; smooth where they lose."""
    share, z = contest.last.lead("corrected")
    trees, trees_z = contest.last.lead("trees")
    mended = share > WORTH and z > SURE
    faster = contest.slope("kernel") < min(contest.slope("trees"), contest.slope("corrected"))
    if mended and not faster:
        says: Side = "jump"
    elif not mended and trees_z < -SURE:
        says = "smooth"
    else:
        says = "undecided"
    text = (
        f"trees change the kernel's error by {-trees:+.0%} ({-trees_z:+.1f} s.e.), trees on top of "
        f"the kernel by {-share:+.0%} ({-z:+.1f} s.e.)"
    )
    return Witness("contest", says, text)
