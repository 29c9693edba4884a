"""How much the data ask for: the effective degrees of freedom of a head on pilot motifs.

Source: Golub, Heath and Wahba 1979, doi:10.1080/00401706.1979.10489751 (trace of the smoother at
the penalty of least GCV). The motifs are Laplace kernel units on random rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import gram_sums, median_squared_distance, ridge_gcv, squared_distances
from app.science.mimicry import target as targets
from app.science.mimicry.kernels import KERNELS
from app.science.relu_network.network import Task

MOTIFS = 500
BANDWIDTH = 2.0
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-8.0, 0.1, 0.5))


@dataclass(frozen=True, slots=True)
class Pilot:
    """Degrees of freedom of ``n_motifs`` motifs on ``n_rows`` rows; gcv over the variance."""

    effective_dof: float
    n_rows: int
    n_motifs: int
    penalty: float
    gcv: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def pilot_dof(
    X: NDArray[Any], y: NDArray[Any], task: Task, *, seed: int = 0, rows: int = 4000
) -> Pilot:
    """Fit the pilot.

    Parameters
    ----------
    X : (n, p), encoded rows; y : (n,), numbers, or class numbers from 0
    rows : at most this many random rows are used
    """
    rng = np.random.default_rng([seed, 17])
    chosen = rng.permutation(len(X))[: min(rows, 4000)]
    target = targets.make(np.asarray(y), task)
    columns = target.columns()[chosen]
    Z = np.asarray(X, dtype=np.float64)[chosen]
    width = median_squared_distance(Z, rng) * BANDWIDTH**2
    points = torch.as_tensor(Z)
    centers = points[: min(MOTIFS, len(Z) // 2)]
    profile = KERNELS["laplace"].profile
    features = profile(squared_distances(points, centers) / width).numpy()
    square = profile(squared_distances(centers, centers) / width).numpy()
    square = square + 1e-5 * np.eye(len(square))
    fit = ridge_gcv(gram_sums([(features, columns)]), square, penalties=PENALTIES)
    variance = float(columns.var(axis=0).sum())
    return Pilot(fit.effective_dof, len(Z), len(centers), fit.penalty, fit.gcv / variance)
