"""What our method and its rivals cost in a job, and what they are called in words."""

from collections.abc import Iterable

from workers.context import Context
from workers.tabular import SGD

TRAINED = {SGD: "the Adam MLP", "cnn": "the CNN", "point_net": "the point network"}
"""Networks trained by SGD, in words: of tables, of images and of point sets."""


def trained_by_sgd(baselines: Iterable[str]) -> str | None:
    """Which of a job's baselines is the network trained by SGD, if one is."""
    return next((name for name in baselines if name in TRAINED), None)


def same_time(name: str) -> str:
    """The baseline again, with as many seconds as ours took."""
    return f"{name}_same_time"


SAME_TIME = {same_time(name): f"{words} in the same time" for name, words in TRAINED.items()}

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
    **TRAINED,
    **SAME_TIME,
    TREES: "LightGBM",
    "ridge": "ridge",
}


def our_phases(context: Context) -> tuple[str, ...]:
    """The job's phases that a network without SGD is made in, from the measurement on."""
    return tuple(phase for phase in OUR_PHASES if phase in context.job["phases"])


def our_seconds(context: Context) -> float:
    """What those phases took."""
    return context.seconds(*our_phases(context))
