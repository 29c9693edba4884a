"""The dimension that fewer rows would have shown, to tell whether more would change it.

Source: own; the usual learning curve by halving the sample (Facco et al. 2017,
doi:10.1038/s41598-017-11873-y, decimate in the same way). Differs from theirs: each size is
calibrated at its own n, so a flat clean cloud gives a flat line.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances
from app.science.intrinsic_dimension.neighbors import exact_neighbors
from app.science.intrinsic_dimension.scale_curve import ScaleCurve, scale_curve

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
K = 10
_LEAST_ROWS = 100
_QUERIES = 1_000


@dataclass(frozen=True, slots=True)
class SampleSize:
    """The dimension at k = 10 among ``n`` distinct rows, raw and calibrated with its band."""

    n: int
    raw: float
    value: float
    low: float
    high: float


def sample_curve(points: Tensor, whole: ScaleCurve, *, seed: int) -> tuple[SampleSize, ...]:
    """Measure nested random parts of at least 100 rows each; all rows come last.

    Parameters
    ----------
    points : (n, p), finite, distinct
    whole : curve of all rows
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(points), generator=generator).to(points.device)
    sizes = [int(share * len(points)) for share in SHARES]
    parts = (_part(points[order[:n]], seed) for n in sizes if n >= _LEAST_ROWS)
    return (*(part for part in parts if part is not None), _at(whole))


def _part(points: Tensor, seed: int) -> SampleSize | None:
    try:
        neighbors = exact_neighbors(points, K, queries=_QUERIES, seed=seed, distinct=True)
        return _at(scale_curve(neighbors))
    except DegenerateDistances:
        return None


def _at(curve: ScaleCurve) -> SampleSize:
    point = curve.nearest(K)
    return SampleSize(curve.n_references, point.raw, point.value, point.low, point.high)
