import itertools
import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from app.science.errors import NotCalibrated, ScienceError
from app.science.evaluation import conformal
from app.science.evaluation.coverage import binomial_interval, coverage

LEVELS = [percent / 100 for percent in conformal.PERCENTS]


def skewed(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Truth and a prediction that is off by an exponential error."""
    rng = np.random.default_rng(seed)
    prediction = rng.normal(size=n)
    return prediction + rng.exponential(size=n), prediction


def classes(n: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Codes of three classes, and probabilities that are too sure of themselves."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    sharp = true**3
    return np.minimum(y, 2), sharp / sharp.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n_calibration", [120, 1000])
def test_intervals_hold_at_their_level_on_average(level: float, n_calibration: int) -> None:
    shares = []
    for seed in range(200):
        found = conformal.fit("regression", *skewed(n_calibration, seed))
        shares.append(coverage(found, *skewed(500, 1000 + seed), level).share)

    spread = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) > level - 3 * spread
    assert np.mean(shares) < level + 1 / n_calibration + 3 * spread


@pytest.mark.parametrize("level", [0.6, 0.9])
def test_sets_hold_at_their_level_however_wrong_the_probabilities(level: float) -> None:
    y, probabilities = classes(4000, 1)
    naive = np.mean(probabilities[np.arange(4000), y] >= 1 - level)
    found = coverage(conformal.fit("multiclass", *classes(2000, 0)), y, probabilities, level)

    assert found.share == pytest.approx(level, abs=0.03)
    assert abs(found.share - level) < abs(naive - level)
    assert 1.0 <= found.mean_size <= 3.0


def test_higher_levels_give_wider_intervals_and_larger_sets() -> None:
    y, prediction = skewed(300, 0)
    found = conformal.fit("regression", y, prediction)
    widths = [np.ptp(found.interval(np.zeros(1), level)) for level in LEVELS]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]

    codes, probabilities = classes(300, 0)
    sets = conformal.fit("multiclass", codes, probabilities)
    inside = [sets.members(probabilities, level) for level in LEVELS]
    assert all((few <= many).all() for few, many in itertools.pairwise(inside))
    assert all(members.any(axis=1).all() for members in inside)


def test_the_quantile_is_the_score_of_its_rank() -> None:
    y = np.arange(1.0, 101.0)

    found = conformal.fit("regression", y, np.zeros(100))

    assert found.quantile(0.9) == 91.0  # ceil(101 * 0.9)
    assert found.quantile(0.57) == 58.0  # ceil(57.57)
    assert (found.max_level, found.reason) == (0.99, None)


def test_too_few_rows_give_null_and_a_reason() -> None:
    found = conformal.fit("regression", np.arange(20.0), np.zeros(20))

    assert found.max_level == 0.95  # ceil(21 * 0.95) = 20
    assert found.to_json()["quantiles"]["96"] is None
    with pytest.raises(
        NotCalibrated, match=r"20 calibration rows are enough for levels up to 0.95"
    ):
        found.quantile(0.96)


def test_no_rows_give_no_level() -> None:
    empty = conformal.fit("binary", np.zeros(0, dtype=int), np.zeros((0, 2)))

    assert empty == conformal.uncalibrated("binary")
    assert empty.max_level is None
    with pytest.raises(NotCalibrated, match="no rows were set apart"):
        empty.members(np.eye(2), 0.5)


@pytest.mark.parametrize("level", [0.4, 0.905, 0.999, 1.0, float("nan")])
def test_other_levels_are_refused(level: float) -> None:
    found = conformal.fit("regression", *skewed(300, 0))

    with pytest.raises(NotCalibrated, match="whole percent"):
        found.quantile(level)


def test_intervals_are_of_regression_and_sets_of_classification() -> None:
    with pytest.raises(ScienceError, match="intervals are of regression"):
        conformal.fit("regression", *skewed(300, 0)).members(np.eye(3), 0.9)


def test_survives_json() -> None:
    for n in (0, 20, 300):
        found = conformal.fit("regression", *skewed(n, 0))
        document = json.loads(json.dumps(found.to_json(), allow_nan=False))
        assert conformal.from_json(document, "regression") == found


def test_malformed_documents_are_refused() -> None:
    good = conformal.fit("regression", *skewed(300, 0)).to_json()
    quantiles = good["quantiles"]
    for bad in (
        good | {"format": "adaptnet-conformal/2"},
        good | {"score": "one_minus_probability"},
        good | {"n_rows": -1},
        good | {"n_rows": True},
        good | {"quantiles": []},
        good | {"quantiles": quantiles | {"70": -1.0}},
        good | {"quantiles": quantiles | {"70": "1"}},
        good | {"quantiles": quantiles | {"70": None}},
        good | {"quantiles": quantiles | {"50": 1e9}},
    ):
        with pytest.raises(ScienceError):
            conformal.from_json(bad, "regression")


def test_names_the_classes_of_a_set() -> None:
    members = np.array([[True, False, True], [False, True, False]])
    assert conformal.named(members, ("a", "b", "c")) == [["a", "c"], ["b"]]


@pytest.mark.parametrize("hits", [0, 1, 37, 40])
def test_the_binomial_interval_agrees_with_scipy(hits: int) -> None:
    expected = binomtest(hits, 40).proportion_ci(0.95, method="exact")
    assert binomial_interval(hits, 40) == pytest.approx((expected.low, expected.high))


def test_coverage_counts_rows_and_widths() -> None:
    found = conformal.fit("regression", np.ones(200), np.zeros(200))

    counted = coverage(found, np.array([1.0, -1.0, 2.0, 0.0]), np.zeros(4), 0.9)

    assert (counted.share, counted.mean_size, counted.n_rows) == (0.75, 2.0, 4)
    assert counted.low < 0.75 < counted.high
    with pytest.raises(ScienceError, match="at least one row"):
        coverage(found, np.zeros(0), np.zeros(0), 0.9)
