"""From points to neighbors, curve and recommendation: the part every view of the data shares.

Source: ``neighbors``, ``rounding``, ``scale_curve`` and ``recommend``. Differs from them in
nothing; this file only joins them.
"""

from dataclasses import dataclass

from torch import Tensor

from app.science.errors import TooFewRows
from app.science.intrinsic_dimension.adaptive_scale import (
    MAX_K,
    MAX_ROWS,
    AdaptiveEstimate,
    adaptive_estimates,
)
from app.science.intrinsic_dimension.neighbors import Neighbors, Progress, exact_neighbors
from app.science.intrinsic_dimension.recommend import recommend
from app.science.intrinsic_dimension.recommended import Recommended
from app.science.intrinsic_dimension.rounding import TIE_SHARE, Steps, jittered, tie_share
from app.science.intrinsic_dimension.scale_curve import MAX_K as MAX_NEIGHBORS
from app.science.intrinsic_dimension.scale_curve import ScaleCurve, largest_k, scale_curve

MIN_ROWS = 50
_ADAPTIVE_K_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Answer:
    """The recommendation and what it rests on.

    Parameters
    ----------
    points : (m, p), distinct rows, jittered where that was needed
    neighbors : of ``points``; row numbers count within them
    n_jittered : columns that got jitter, 0 for none
    """

    points: Tensor
    neighbors: Neighbors
    curve: ScaleCurve
    recommended: Recommended
    n_jittered: int


def answer(
    points: Tensor,
    steps: Steps,
    *,
    max_queries: int,
    most_neighbors: int = MAX_NEIGHBORS,
    seed: int,
    progress: Progress | None = None,
) -> Answer:
    """Search, undo rounding if distances tie, and decide.

    Parameters
    ----------
    points : (m, p), finite, distinct rows
    steps : rounding of the columns
    most_neighbors : fewer give the value alone, without angles

    Raises
    ------
    TooFewRows
        There are fewer than ``MIN_ROWS`` rows.
    """
    if len(points) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(points))
    k, n_jittered = min(most_neighbors, largest_k(len(points))), 0

    def search(rows: Tensor) -> Neighbors:
        return exact_neighbors(
            rows, k, queries=max_queries, seed=seed, distinct=True, progress=progress
        )

    neighbors = search(points)
    if tie_share(neighbors) > TIE_SHARE and bool((steps.quantum > 0).any()):
        points, n_jittered = jittered(points, steps, seed=seed)
        neighbors = search(points)
    curve = scale_curve(neighbors)
    recommended = recommend(
        curve,
        neighbors,
        ambient_dim=int((points.amax(dim=0) > points.amin(dim=0)).sum()),
        at_adaptive_scale=lambda: _adaptive(points, min(MAX_ROWS, 2 * max_queries), seed),
    )
    return Answer(points, neighbors, curve, recommended, n_jittered)


def _adaptive(points: Tensor, at_most: int, seed: int) -> tuple[AdaptiveEstimate, ...]:
    """Search again, among fewer rows and for more neighbors. Fewer rows only raise the scale."""
    stride = -(-len(points) // at_most)
    some = points[seed % stride :: stride]
    k = max(largest_k(len(some)), min(MAX_K, int(_ADAPTIVE_K_SHARE * len(some))))
    return adaptive_estimates(exact_neighbors(some, k, seed=seed, distinct=True))
