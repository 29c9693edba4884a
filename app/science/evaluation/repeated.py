"""Two methods over several splits: the mean difference, with an interval that is wide enough.

Random splits of one table share most of their rows, so their differences are not independent and
the plain t interval is too narrow. The corrected one takes the variance of the mean as
(1 / k + n_test / n_train) times the sample variance.

Source: Nadeau and Bengio 2003, doi:10.1023/A:1024068626366 (the corrected resampled t-test).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from app.science.errors import TooFewRows
from app.science.evaluation.comparison import Difference

LEVEL = 0.95
MIN_RUNS = 2


def repeated(
    metric: str, ours: Sequence[float], theirs: Sequence[float], *, test_share: float
) -> Difference:
    """Means of the headline metric and the interval of their difference.

    Parameters
    ----------
    ours, theirs : (k,), errors of the same k splits
    test_share : n_test / n_train of random splits; 0 where the test rows are fixed, and the
        interval then covers the randomness of training alone

    Raises
    ------
    TooFewRows
        One split only.
    """
    errors, others = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    k = len(errors)
    if k < MIN_RUNS:
        raise TooFewRows(needed=MIN_RUNS, got=k)
    differences = errors - others
    deviation = float(differences.std(ddof=1)) * math.sqrt(1.0 / k + test_share)
    half = float(student.ppf(0.5 + LEVEL / 2.0, k - 1)) * deviation
    mean = float(differences.mean())
    return Difference(metric, float(errors.mean()), float(others.mean()), mean - half, mean + half)
