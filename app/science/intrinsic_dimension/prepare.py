"""Make a numeric table fit for Euclidean distances: drop what says nothing, scale the rest.

Source: Huber and Ronchetti 2009, "Robust Statistics" (median and interquartile
range). Differs from it: a column whose quartiles nearly coincide is scaled by its standard
deviation instead.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.errors import NoUsableColumns
from app.science.intrinsic_dimension.duplicates import first_occurrences

_IQR_OF_NORMAL = 1.349
_LEAST_IQR_SHARE = 0.01


def prepare(
    points: NDArray[np.floating[Any]], *, drop_duplicate_rows: bool = True
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Drop constant and repeated columns, drop repeated rows, scale columns.

    Parameters
    ----------
    points : (n, p), finite
    drop_duplicate_rows : leave them to ``measure`` where labels must stay aligned

    Returns
    -------
    tuple
        (m, s) points with median 0 and unit robust spread, and what was done, as plain JSON.

    Raises
    ------
    NoUsableColumns
        Every column is constant.
    """
    table = np.asarray(points, dtype=np.float64)
    varies = table.max(axis=0) > table.min(axis=0)
    if not varies.any():
        raise NoUsableColumns("every column is constant")
    table = table[:, varies]
    columns = first_occurrences(torch.from_numpy(np.ascontiguousarray(table.T))).numpy()
    scaled = _robust_scaled(table[:, columns])
    n_rows = len(scaled)
    if drop_duplicate_rows:
        scaled = scaled[first_occurrences(torch.from_numpy(scaled)).numpy()]
    return scaled, {
        "dropped_constant": int((~varies).sum()),
        "dropped_duplicate_columns": int(varies.sum() - len(columns)),
        "dropped_duplicates": n_rows - len(scaled),
        "kept_columns": np.flatnonzero(varies)[columns].tolist(),
        "standardised": "median/IQR",
    }


def _robust_scaled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Center by the median and divide by the robust spread; (n, p), C order."""
    low, middle, high = np.percentile(table, (25, 50, 75), axis=0)
    deviation = table.std(axis=0)
    robust = (high - low) / _IQR_OF_NORMAL
    spread = np.where(robust > _LEAST_IQR_SHARE * deviation, robust, deviation)
    return np.ascontiguousarray((table - middle) / spread)
