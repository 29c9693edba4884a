"""Small LightGBM boosters on columns that are hard for thresholds."""

import lightgbm
import numpy as np
from numpy.typing import NDArray

N_COLUMNS = 4


def columns(n: int = 1500, seed: int = 0) -> NDArray[np.float32]:
    """(n, 4): normal, zero or one, sparse, and 300 values a last float32 digit apart."""
    rng = np.random.default_rng(seed)
    neighbors = 1.0 + rng.integers(0, 300, n) * 2.0**-23
    flag = rng.integers(0, 2, n)
    sparse = rng.normal(size=n) * (rng.random(n) < 0.3)
    return np.column_stack([rng.normal(size=n), flag, sparse, neighbors]).astype(np.float32)


def targets(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,), jumps in every column."""
    wave = np.sin((rows[:, 3].astype(np.float64) - 1.0) * 2.0**23 / 20.0)
    return np.asarray(np.sign(rows[:, 0] - 0.3) + rows[:, 1] * (rows[:, 2] > 0) + wave)


def trained(
    rows: NDArray[np.float32], y: NDArray[np.generic], **options: object
) -> lightgbm.Booster:
    """Twenty rounds."""
    plain = {"num_leaves": 12, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    return lightgbm.train({**plain, **options}, lightgbm.Dataset(rows, y), num_boost_round=20)
