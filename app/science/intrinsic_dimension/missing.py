"""Which rows and columns to measure where cells are missing.

Filled cells put rows on sets of lower dimension, so an estimate over filled rows is too low.
Complete rows are taken where enough of them are left; else the columns with the most gaps go
first; only where that would cost more than half of the columns are filled rows kept.

Source: none; the order follows from the bias just named.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENOUGH_ROWS = 0.8
"""Share of the rows that has to be complete."""


@dataclass(frozen=True)
class Complete:
    """What to measure: ``rows`` (n,) and ``columns`` (p,) to keep, and whether gaps remain."""

    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]
    imputed: bool


def complete_part(missing: NDArray[np.bool_]) -> Complete:
    """Choose the part without gaps.

    Parameters
    ----------
    missing : (n, p), True where a cell has been filled
    """
    n_columns = missing.shape[1]
    by_gaps = np.argsort(-missing.mean(axis=0), kind="stable")
    columns = np.ones(n_columns, dtype=bool)
    for worst in by_gaps[: n_columns // 2 + 1]:
        rows: NDArray[np.bool_] = np.logical_not(missing[:, columns].any(axis=1))
        if rows.mean() >= ENOUGH_ROWS:
            return Complete(rows, columns, imputed=False)
        columns[worst] = False
    return Complete(np.ones(len(missing), bool), np.ones(n_columns, bool), imputed=True)
