"""From class probabilities to one class, where wrong answers on some classes cost more.

The probabilities stay what they are, so they stay calibrated; only the choice between the classes
moves. This is all that weights can gain once the probabilities are right.

Source: Elkan 2001, "The foundations of cost-sensitive learning", IJCAI, equation 2 (the choice of
least expected cost), for costs that depend on the true class alone.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.science.errors import ScienceError

ClassWeights = tuple[float, ...]
"""Cost of a wrong answer by true class, mean 1 over the training rows; empty: all alike."""

BALANCED: Literal["balanced"] = "balanced"


def decide(
    probabilities: NDArray[np.float64], class_weights: Sequence[float] = ()
) -> NDArray[np.int64]:
    """(n,) class codes of least expected cost; ``probabilities`` : (n, c)."""
    costs = probabilities * np.asarray(class_weights) if class_weights else probabilities
    found: NDArray[np.int64] = costs.argmax(axis=1)
    return found


def class_weights(
    asked: Literal["balanced"] | Mapping[str, float] | None,
    classes: Sequence[str],
    y: NDArray[Any],
) -> ClassWeights:
    """The weights that a caller asked for, in the order of the classes.

    Parameters
    ----------
    asked : ``balanced`` makes every class count alike; a mapping gives the costs of some classes,
        1 for the others
    y : (n,), class codes of the training rows; not looked at where nothing is asked

    Raises
    ------
    ScienceError
        The target is a number, or a name is no class.
    """
    if asked is None:
        return ()
    if not classes:
        raise ScienceError("class_weights need classes, but the target is a number")
    shares = np.bincount(y, minlength=len(classes)) / len(y)
    if asked == BALANCED:
        weights = 1.0 / np.maximum(shares, 1.0 / len(y))
    else:
        _refuse_unknown(asked, classes)
        weights = np.array([float(asked.get(name, 1.0)) for name in classes])
    return tuple((weights / (weights @ shares)).tolist())


def _refuse_unknown(asked: Mapping[str, float], classes: Sequence[str]) -> None:
    for name in asked:
        if name not in classes:
            near = get_close_matches(name, classes, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            listed = ", ".join(repr(known) for known in classes[:20])
            raise ScienceError(f"class_weights name {name!r}, the classes are {listed}{meant}")
