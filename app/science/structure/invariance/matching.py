"""Which columns could change places or sign at all: those that matter, of one distribution.

Source: Massey 1951, doi:10.1080/01621459.1951.10500769 (Kolmogorov-Smirnov distance).
"""

import numpy as np

from app.science.linalg import Floats

MAX_DISTANCE = 0.1
"""Largest Kolmogorov-Smirnov distance between the marginals of coordinates that may be mixed."""
LEAST_RELEVANCE = 0.03
"""Share of the most relevant column; an invariance of columns that do not matter gains nothing."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
ERROR_FACTOR = 1.2
"""Standard error of the mean of these quantiles over that of the mean, at most, for usual laws."""


def centers(X: Floats, zero: Floats) -> Floats:
    """(p,), where each column is symmetric about, if it is: the mean of symmetric quantiles.

    Parameters
    ----------
    zero : (p,), taken instead where it is within three standard errors: an estimated center is
        always a little off, and then nothing is symmetric about it exactly
    """
    found = np.quantile(X, QUANTILES, axis=0).mean(axis=0)
    near = np.abs(found - zero) <= 3.0 * ERROR_FACTOR * X.std(axis=0) / np.sqrt(len(X))
    return np.asarray(np.where(near, zero, found))


def marginal_distance(first: Floats, second: Floats) -> float:
    """Kolmogorov-Smirnov distance of two samples of one size, (n,) each and sorted."""
    grid = np.concatenate([first, second])
    below = [np.searchsorted(sample, grid, side="right") for sample in (first, second)]
    return float(np.abs(below[0] - below[1]).max() / len(first))


def relevant(relevance: Floats, X: Floats) -> list[int]:
    """Columns that the target moves with and that take more than one value."""
    spread = X.max(axis=0) > X.min(axis=0)
    return [int(j) for j in np.flatnonzero(spread & (relevance >= LEAST_RELEVANCE))]
