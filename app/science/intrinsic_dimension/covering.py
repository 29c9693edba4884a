"""The covering curve behind the Minkowski dimension.

Centers are picked one by one, each the row farthest from all before. The N-th pick's distance
eps is a packing radius and a covering radius at once, whatever the rotation of the axes. The
slope of log N against log(1 / eps) is the Minkowski dimension where n can resolve it.

Source: Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5 (farthest-first traversal); Kegl 2002,
NIPS 15, "Intrinsic dimension estimation using packing numbers". Differs from Kegl: one greedy
packing of all sizes instead of averages at two radii.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MAX_ROWS = 20_000
_MAX_ELEMENTS = 1_000_000  # every pick reads all of them
_LEAST_ROWS = 2_048
_MAX_CENTERS = 512
_FIRST_CENTERS = 8
NOTE = "needs n >= 10^(d+2)"


@dataclass(frozen=True, slots=True)
class CoveringCurve:
    """Radii and counts of a greedy packing.

    Parameters
    ----------
    eps : descending, unit of the input
    packing : rows that are pairwise at least eps apart, and within eps of every row
    value : slope of log packing against log(1 / eps), or None where n cannot resolve it
    """

    eps: tuple[float, ...]
    packing: tuple[int, ...]
    value: float | None

    @property
    def resolvable(self) -> bool:
        """Whether the slope may be called a dimension."""
        return self.value is not None


def covering_curve(points: Tensor, *, intrinsic_dim: float, seed: int) -> CoveringCurve:
    """Cover (n, p) points; the slope is given where n >= 10^(intrinsic_dim + 2)."""
    generator = torch.Generator().manual_seed(seed)
    at_most = max(_LEAST_ROWS, min(_MAX_ROWS, _MAX_ELEMENTS // points.shape[1]))
    rows = torch.randperm(len(points), generator=generator)[:at_most].to(points.device)
    radii = _farthest_first(points[rows], min(_MAX_CENTERS, len(rows) // 4))
    counts = [c for c in _powers(len(radii)) if radii[c - 1] > 0]
    eps = [radii[c - 1] for c in counts]
    enough = math.log10(len(points)) >= intrinsic_dim + 2 and len(counts) >= 3
    return CoveringCurve(tuple(eps), tuple(counts), _slope(eps, counts) if enough else None)


def _farthest_first(points: Tensor, n_centers: int) -> list[float]:
    """Distance of each pick to the picks before it; the first pick has none, so entry 1 twice."""
    center = points.mean(dim=0, dtype=torch.float64)
    centered = (points - center).float()
    pick = int(centered.square().sum(dim=1).argmax())
    nearest = torch.full((len(points),), math.inf, device=points.device)
    radii = []
    for _ in range(n_centers):
        gap = torch.linalg.vector_norm(centered - centered[pick], dim=1)
        nearest = torch.minimum(nearest, gap)
        pick = int(nearest.argmax())
        radii.append(float(nearest[pick]))
    return [radii[0], *radii[:-1]] if radii else []


def _powers(largest: int) -> list[int]:
    """Counts on a grid of half octaves, from ``_FIRST_CENTERS``."""
    n_steps = max(0, int(2 * math.log2(max(largest, 1) / _FIRST_CENTERS))) if largest else -1
    return [round(_FIRST_CENTERS * 2 ** (j / 2)) for j in range(n_steps + 1)]


def _slope(eps: list[float], counts: list[int]) -> float:
    x = torch.tensor(eps, dtype=torch.float64).log().neg()
    y = torch.tensor(counts, dtype=torch.float64).log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
