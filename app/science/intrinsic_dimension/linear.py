"""Linear dimensions, for contrast: how many principal axes hold most of the variance.

Source: Jolliffe 2002, "Principal Component Analysis" (share of variance); Gao et
al. 2017, doi:10.1101/214262 (participation ratio). Differs from them in nothing but size: at
most 5000 random rows are used.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MAX_ROWS = 5_000
_MAX_COLUMNS = 4_096


@dataclass(frozen=True, slots=True)
class LinearDimension:
    """Axes that hold 90 and 95 % of the variance, and the participation ratio.

    Parameters
    ----------
    pca_90, pca_95 : counts of principal axes
    participation_ratio : squared sum over sum of squares of the variances
    """

    pca_90: int
    pca_95: int
    participation_ratio: float


def linear_dimension(points: Tensor, *, seed: int) -> LinearDimension:
    """Measure on (n, p) points; the smaller Gram matrix is formed."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(points), generator=generator)[:_MAX_ROWS].to(points.device)
    some = points[rows].double()
    some = some - some.mean(dim=0)
    some = some / some.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
    gram = some.T @ some if some.shape[1] <= min(len(some), _MAX_COLUMNS) else some @ some.T
    variances = torch.linalg.eigvalsh(gram).clamp_min(0).flip(0)
    shares = variances.cumsum(0) / variances.sum()
    ratio = float(variances.sum().square() / variances.square().sum())
    return LinearDimension(
        pca_90=int((shares < 0.9).sum()) + 1,
        pca_95=int((shares < 0.95).sum()) + 1,
        participation_ratio=ratio if math.isfinite(ratio) else 0.0,
    )
