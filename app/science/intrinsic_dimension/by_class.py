"""The dimension inside each class, because one number for all hides classes that differ.

Source: Pope et al. 2021, arXiv:2104.08894 (dimension by class). Differs from it:
every class gets the calibrated value and an interval at its own size.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.science.errors import ScienceError
from app.science.intrinsic_dimension.answer import MIN_ROWS, answer
from app.science.intrinsic_dimension.recommended import Recommended
from app.science.intrinsic_dimension.rounding import Steps

MAX_CLASSES = 50
_MAX_QUERIES = 2_000


@dataclass(frozen=True, slots=True)
class ClassDimension:
    """The calibrated answer for the rows of one class.

    Parameters
    ----------
    n : distinct rows of the class
    """

    label: Hashable
    n: int
    recommended: Recommended


def dimension_by_class(
    points: Tensor, labels: NDArray[np.generic], steps: Steps, *, seed: int
) -> tuple[ClassDimension, ...]:
    """Answer for each class of at least 50 rows, the 50 largest at most.

    Parameters
    ----------
    points : (m, p), distinct rows
    labels : (m,)
    """
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:MAX_CLASSES]
    found = []
    for code in sorted(int(c) for c in largest if counts[c] >= MIN_ROWS):
        rows = torch.from_numpy(np.flatnonzero(codes == code)).to(points.device)
        recommended = _inside(points[rows], steps, seed)
        if recommended is not None:
            found.append(ClassDimension(names[code].item(), len(rows), recommended))
    return tuple(found)


def _inside(points: Tensor, steps: Steps, seed: int) -> Recommended | None:
    """The answer for one class, or None where its rows do not allow one."""
    try:
        return answer(points, steps, max_queries=_MAX_QUERIES, seed=seed).recommended
    except ScienceError:
        return None
