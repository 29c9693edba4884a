"""What our method and its rivals cost in a job, and what they are called in words."""

from workers.context import Context
from workers.tabular import SGD

SAME_TIME = f"{SGD}_same_time"
"""The SGD baseline again, with as many seconds as ours took."""

TREES = "lightgbm"

OUR_PHASES = (
    "dimension",
    "structure",
    "invariance",
    "architecture",
    "teacher",
    "compress",
    "transfer",
    "correct",
    "certify",
    "calibrate",
)

IN_WORDS = {
    "network": "Motif Mimicry",
    "teacher": "the teacher",
    SGD: "the Adam MLP",
    SAME_TIME: "the Adam MLP in the same time",
    TREES: "LightGBM",
    "ridge": "ridge",
}


def our_phases(context: Context) -> tuple[str, ...]:
    """The job's phases that a network without SGD is made in, from the measurement on."""
    return tuple(phase for phase in OUR_PHASES if phase in context.job["phases"])


def our_seconds(context: Context) -> float:
    """What those phases took."""
    return context.seconds(*our_phases(context))
