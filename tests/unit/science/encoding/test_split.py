import numpy as np
import pytest

from app.science.encoding.split import Split, given_split, random_split
from app.science.errors import ScienceError, TooFewRows


def all_rows(split: Split) -> np.ndarray:
    return np.sort(np.concatenate([split.train, split.validation, split.calibration, split.test]))


@pytest.mark.parametrize("n_rows", [50, 51, 997, 20_000])
def test_every_row_lands_once_and_the_shares_hold(n_rows: int) -> None:
    split = random_split(n_rows, seed=0)
    np.testing.assert_array_equal(all_rows(split), np.arange(n_rows))
    assert abs(len(split.test) - 0.2 * n_rows) <= 1
    assert abs(len(split.validation) - 0.15 * n_rows) <= 1


def test_classes_keep_their_shares_and_none_leaves_training() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [900, 98, 2]))
    for seed in range(40):
        tiny = random_split(1000, seed=seed, labels=labels)
        assert set(labels[tiny.train]) == {0, 1, 2}
    split = random_split(1000, seed=1, labels=labels)
    np.testing.assert_array_equal(all_rows(split), np.arange(1000))
    assert np.bincount(labels[split.test])[:2] == pytest.approx([180, 20], abs=1.01)
    assert np.bincount(labels[split.validation])[:2] == pytest.approx([135, 15], abs=1.01)


def test_the_seed_decides() -> None:
    first, again, other = (random_split(200, seed=seed).test.tolist() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_validation_stops_at_twenty_thousand_rows() -> None:
    assert abs(len(random_split(200_000, seed=0).validation) - 20_000) <= 1


@pytest.mark.parametrize(
    ("n_rows", "n_calibration"),
    [(1200, 0), (1250, 100), (2500, 100), (10_000, 400), (100_000, 2000)],
)
def test_calibration_rows_are_five_percent_within_limits(n_rows: int, n_calibration: int) -> None:
    labels = np.arange(n_rows) % 2
    for split in (
        random_split(n_rows, seed=0),
        random_split(n_rows, seed=0, labels=labels),
        given_split(np.arange(n_rows) % 5 == 0, seed=0),
    ):
        assert abs(len(split.calibration) - n_calibration) <= 1
        np.testing.assert_array_equal(all_rows(split), np.arange(n_rows))


def test_calibration_leaves_a_row_of_each_class_and_half_of_training() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1], [1998, 2]))
    for seed in range(20):
        assert set(labels[random_split(2000, seed=seed, labels=labels).train]) == {0, 1}
    greedy = random_split(2000, seed=0, test_share=0.5, validation_share=0.45)
    assert len(greedy.train) >= 50


def test_a_given_column_decides_the_test_rows() -> None:
    is_test = np.arange(100) % 4 == 0
    split = given_split(is_test.astype(np.int8), seed=0)
    np.testing.assert_array_equal(split.test, np.flatnonzero(is_test))
    np.testing.assert_array_equal(all_rows(split), np.arange(100))
    assert abs(len(split.validation) - 15) <= 1


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(TooFewRows):
        random_split(49, seed=0)
    with pytest.raises(TooFewRows):
        given_split(np.array([0, 1] * 20), seed=0)


@pytest.mark.parametrize("column", [np.zeros(60), np.arange(60) % 3, np.full(60, np.nan)])
def test_a_given_column_needs_both_sides(column: np.ndarray) -> None:
    with pytest.raises(ScienceError, match="0 for train and 1 for test"):
        given_split(column, seed=0)
