"""Which columns a few boosted trees use: where to look, before any metric is learned.

Source: Ke et al. 2017, "LightGBM" (gains). The teacher's own search does the same with more trees.
"""

from typing import Any

import lightgbm
import numpy as np
import torch

from app.science.linalg import Floats

ROUNDS = 40
LEAST_GAIN = 1e-4


def column_gains(X: Floats, Y: Floats, seed: int) -> Floats:
    """(p,) in (0, 1], the columns' shares of the gain; the largest is 1.

    Parameters
    ----------
    Y : (n, c), standardized or one-hot columns
    """
    n_classes = Y.shape[1]
    options: dict[str, Any] = {
        "objective": "regression",
        "num_leaves": 15,
        "verbose": -1,
        "deterministic": True,
        "seed": seed,
        "num_threads": torch.get_num_threads(),
    }
    values = Y[:, 0]
    if n_classes > 1:
        values = Y.argmax(axis=1)
        options |= {"objective": "multiclass", "num_class": n_classes}
    rounds = max(3, ROUNDS // n_classes)
    booster = lightgbm.train(options, lightgbm.Dataset(X, values), rounds)
    gains = booster.feature_importance("gain").astype(np.float64)
    largest = gains.max()
    return np.maximum(gains / largest, LEAST_GAIN) if largest > 0 else np.ones(X.shape[1])
