"""A value within a second, for whoever waits for the whole report.

Source: ``answer``, with few query rows and few neighbors. Differs from ``report`` in that it has
no angles and no views; its interval is wider, because fewer rows speak.
"""

from typing import Any

from numpy.typing import NDArray

from app.science.intrinsic_dimension.answer import answer
from app.science.intrinsic_dimension.duplicates import first_occurrences
from app.science.intrinsic_dimension.inputs import as_tensor
from app.science.intrinsic_dimension.recommended import Recommended
from app.science.intrinsic_dimension.rounding import rounding_steps

FIRST_QUERIES = 2_000
FIRST_NEIGHBORS = 20
_ROUNDING_ROWS = 1_000


def first_look(
    points: NDArray[Any], *, max_queries: int = FIRST_QUERIES, seed: int = 0, device: str = "cpu"
) -> Recommended:
    """The value and interval alone, from few query rows and 20 neighbors each.

    The interval is wider than that of ``measure``, which reads every scale.

    Parameters
    ----------
    points : (n, p), finite
    max_queries : rows whose neighbors are searched; every row stays a reference
    """
    given = as_tensor(points, device)
    kept = first_occurrences(given)
    distinct = given if len(kept) == len(given) else given[kept]
    steps = rounding_steps(distinct[:: max(1, len(distinct) // _ROUNDING_ROWS)], seed=seed)
    look = answer(
        distinct, steps, max_queries=max_queries, most_neighbors=FIRST_NEIGHBORS, seed=seed
    )
    return look.recommended
