"""What a measurement says beside its numbers: flags for programs, sentences for people.

Source: own measurements; "d above 2 log2 n" as a limit of what n rows resolve follows Eckmann
and Ruelle 1992, doi:10.1016/0167-2789(92)90023-G. Differs from it: theirs is a bound for the
correlation dimension, here it only raises a warning.
"""

import math

from app.science.intrinsic_dimension.answer import Answer
from app.science.intrinsic_dimension.local import LocalDimension

SMALL_N = 500
MANY_DUPLICATES = 0.01


def raised_flags(main: Answer, duplicate_share: float, local: LocalDimension) -> tuple[str, ...]:
    """What the curve showed and what the sample is like, as fixed words."""
    subsampled = len(main.neighbors.query_rows) < main.neighbors.n_references
    extra = {
        "duplicates_heavy": duplicate_share > MANY_DUPLICATES,
        "small_n": main.neighbors.n_references < SMALL_N,
        "subsampled": subsampled,
        "multi_dimension": local.is_mixed(),
    }
    return (*main.recommended.flags, *(name for name, raised in extra.items() if raised))


def warning_sentences(main: Answer) -> tuple[str, ...]:
    """Sentences for people."""
    best, n = main.recommended, main.neighbors.n_references
    said = {
        "high dimension for this many rows: the value may be a lower bound": (
            best.value > 2 * math.log2(n)
        ),
        "the interval is wider than half the value": best.high - best.low > 0.5 * best.value,
        "the calibration table ends here: the value may be a lower bound": best.clamped,
        "rounded columns made distances tie; jitter of one step was added": main.n_jittered > 0,
    }
    return tuple(sentence for sentence, holds in said.items() if holds)
