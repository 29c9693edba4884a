"""Dimension row by row: raw Levina-Bickel values, their quantiles and histogram.

Source: Levina and Bickel 2004, NIPS 17, with k - 2, which makes one row's value
unbiased. Differs from the paper in nothing; no value here is calibrated.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.intrinsic_dimension.neighbors import Neighbors

K = 20
MAX_CLASSES = 20
QUANTILES = (5, 25, 50, 75, 95)
_N_BINS = 40
# a Gamma(k - 1) row at k = 20 has log(q75 / q25) = 0.31; several dimensions spread wider
_WIDE = 2.0


@dataclass(frozen=True, slots=True)
class LocalOfClass:
    """Raw values of the query rows of one class.

    Parameters
    ----------
    n : query rows of the class
    quantiles : value at each percentage
    """

    label: Hashable
    n: int
    quantiles: dict[str, float]


@dataclass(frozen=True, slots=True)
class LocalDimension:
    """Raw values of all query rows at one k.

    Parameters
    ----------
    k : neighbors used
    values : (m,), raw, rows whose distances all tie left out
    rows : (m,), which input rows the values belong to
    """

    k: int
    values: NDArray[np.float64]
    rows: NDArray[np.int64]

    def quantiles(self) -> dict[str, float]:
        """Value at each percentage of ``QUANTILES``."""
        return _quantiles(self.values)

    def by_class(self, labels: NDArray[np.generic]) -> tuple["LocalOfClass", ...]:
        """Quantiles inside each of the largest classes; ``labels`` is (n,), of the input rows."""
        own = labels[self.rows]
        names, codes, counts = np.unique(own, return_inverse=True, return_counts=True)
        largest = np.sort(np.argsort(-counts, kind="stable")[:MAX_CLASSES])
        return tuple(
            LocalOfClass(names[c].item(), int(counts[c]), _quantiles(self.values[codes == c]))
            for c in largest
        )

    def histogram(self) -> tuple[list[float], list[int]]:
        """Edges and counts between the 1 and 99 % quantiles; the ends take the rest."""
        if not len(self.values):
            return [], []
        low, high = np.percentile(self.values, (1, 99))
        inside = np.clip(self.values, low, high)
        counts, edges = np.histogram(inside, bins=_N_BINS)
        return [float(e) for e in edges], [int(c) for c in counts]

    def is_mixed(self) -> bool:
        """Whether rows differ far more than sampling explains."""
        if len(self.values) < 2 or self.k < K:
            return False
        q25, q75 = np.percentile(self.values, (25, 75))
        return bool(np.log(q75 / q25) > _WIDE * 0.31)


def local_dimension(neighbors: Neighbors) -> LocalDimension:
    """Estimate at each query row, with k = 20 or all neighbors if fewer."""
    k = min(K, neighbors.distances.shape[1])
    logs = neighbors.distances[:, :k].log()
    sums = (logs[:, -1:] - logs).sum(dim=1).cpu().numpy()
    informative = sums > 1e-9 * k
    rows = neighbors.query_rows.cpu().numpy()[informative]
    return LocalDimension(k=k, values=max(k - 2, 1) / sums[informative], rows=rows)


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    """Value at each percentage of ``QUANTILES``; empty for no values."""
    if not len(values):
        return {}
    at = np.percentile(values, QUANTILES)
    return {str(q): float(v) for q, v in zip(QUANTILES, at, strict=True)}
