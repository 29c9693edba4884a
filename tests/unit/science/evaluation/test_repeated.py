"""The interval over seeds."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from app.science.errors import TooFewRows
from app.science.evaluation.repeated import repeated

OURS, THEIRS = [0.30, 0.28, 0.33, 0.31], [0.35, 0.36, 0.34, 0.38]


def test_without_shared_rows_it_is_the_paired_t_interval() -> None:
    found = repeated("rmse", OURS, THEIRS, test_share=0.0)
    known = ttest_rel(OURS, THEIRS).confidence_interval(0.95)

    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert (found.ours, found.baseline) == pytest.approx((np.mean(OURS), np.mean(THEIRS)))
    assert found.significant


def test_rows_that_the_splits_share_widen_it() -> None:
    apart = repeated("rmse", OURS, THEIRS, test_share=0.0)
    shared = repeated("rmse", OURS, THEIRS, test_share=0.25)

    ratio = (shared.high - shared.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(np.sqrt((1 / 4 + 0.25) / (1 / 4)))
    assert shared.value == apart.value


def test_the_corrected_interval_covers_where_the_plain_one_does_not() -> None:
    """Ten test sets of one sample: two constant predictors that are equally good by symmetry."""
    rng = np.random.default_rng(5)
    covered = {0.0: 0, 0.5: 0}
    for _ in range(200):
        rows = rng.normal(size=60)
        tests = [rng.permutation(60)[:20] for _ in range(10)]
        plus, minus = ([float(np.mean((rows[t] - c) ** 2)) for t in tests] for c in (0.5, -0.5))
        for share in covered:
            found = repeated("mse", plus, minus, test_share=share)
            covered[share] += not found.significant
    assert covered[0.0] < 170
    assert covered[0.5] >= 184


def test_one_split_is_not_enough() -> None:
    with pytest.raises(TooFewRows):
        repeated("rmse", [0.1], [0.2], test_share=0.0)
