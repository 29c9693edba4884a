"""Columns that were rounded, and the jitter that undoes it.

Rounding makes distances tie, and a tie looks like an infinite dimension. Uniform noise inside
the rounding step gives back a cloud as smooth as before; if the step is not small, the noise
gate sees it and a larger scale is read.

Source: Denuit and Lambert 2005, doi:10.1016/j.jmva.2004.01.004 (continuous extension of
discrete data by uniform jitter). Differs from it: columns with fewer than five levels stay as
they are, because jitter would turn a category into a dimension.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.science.intrinsic_dimension.neighbors import Neighbors

TIE_SHARE = 0.05
DISCRETE_SHARE = 0.1
_MIN_LEVELS = 5
_MAX_ROWS = 5_000
_TIED_K = 5


@dataclass(frozen=True, slots=True)
class Steps:
    """The rounding step of each column.

    Parameters
    ----------
    quantum : (p,) float64, unit of the input; 0 where the values follow no grid
    n_levels : (p,) int64, distinct values among the rows looked at
    n_rows : rows looked at
    """

    quantum: Tensor
    n_levels: Tensor
    n_rows: int

    def n_discrete(self) -> int:
        """Columns on a grid with few levels for the rows."""
        few = self.n_levels <= DISCRETE_SHARE * self.n_rows
        return int(((self.quantum > 0) & few).sum())


def rounding_steps(points: Tensor, *, seed: int) -> Steps:
    """Find each column's grid from (n, p) points; at most 5000 random rows are looked at."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(points), generator=generator)[:_MAX_ROWS].to(points.device)
    quantum, levels = [], []
    for columns in torch.split(points[rows], 256, dim=1):
        ordered = columns.double().sort(dim=0).values
        gaps = ordered.diff(dim=0)
        real = gaps > 1e-9 * (ordered[-1] - ordered[0])
        step = torch.where(real, gaps, torch.inf).amin(dim=0)
        multiples = gaps / step
        on_grid = ((multiples - multiples.round()).abs() < 1e-3) | ~real
        quantum.append(torch.where(on_grid.all(dim=0) & torch.isfinite(step), step, 0.0))
        levels.append(real.sum(dim=0) + 1)
    return Steps(torch.cat(quantum), torch.cat(levels), len(rows))


def tie_share(neighbors: Neighbors) -> float:
    """Share of rows where two of the nearest distances are equal."""
    near = neighbors.distances[:, :_TIED_K]
    tied = near.diff(dim=1) <= 1e-9 * near[:, 1:]
    return float(tied.any(dim=1).double().mean())


def jittered(points: Tensor, steps: Steps, *, seed: int) -> tuple[Tensor, int]:
    """Points with uniform noise of one step in each rounded column, and how many columns."""
    wide = torch.where(steps.n_levels >= _MIN_LEVELS, steps.quantum, 0.0)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(points.shape, generator=generator, dtype=torch.float64) - 0.5
    return points.double() + noise.to(points.device) * wide, int((wide > 0).sum())
