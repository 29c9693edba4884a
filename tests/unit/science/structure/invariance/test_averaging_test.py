import numpy as np
import pytest

from app.science.structure.invariance.averaging_test import (
    averaging_test,
    cross_fitted_mean,
    holm,
    mean_and_error,
    p_above_zero,
)
from app.science.structure.invariance.neighbor_test import NeighborTests
from app.science.structure.invariance.signed_permutation import flip, swap
from app.science.structure.invariance.teacher import CrossFit, cross_fit

CENTER = np.zeros(5)


@pytest.fixture(scope="module")
def fitted() -> CrossFit:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((900, 5))
    y = np.sin(x[:, 0] + x[:, 1]) + 0.7 * x[:, 2] + 0.3 * rng.standard_normal(900)
    return cross_fit(x, ((y - y.mean()) / y.std())[:, None], seed=1)


def test_holm_adjusts_like_the_textbook() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_halves_of_a_cross_fit_do_not_count_as_independent() -> None:
    values = np.random.default_rng(0).standard_normal(2000)

    assert cross_fitted_mean(values)[1] == pytest.approx(
        np.sqrt(2) * mean_and_error(values)[1], rel=0.05
    )


def test_no_variation_is_no_evidence() -> None:
    assert p_above_zero(1.0, 0.0) == 1.0


def test_a_true_invariance_is_shown_harmless(fitted: CrossFit) -> None:
    test = averaging_test(fitted, fitted.predict(fitted.X), swap(5, 0, 1), CENTER)

    assert test.p_harm < 1e-6
    assert test.p_irrelevance < 1e-6
    assert test.p_asymmetry > 0.01


def test_a_false_one_is_seen(fitted: CrossFit) -> None:
    predicted = fitted.predict(fitted.X)

    for element in (swap(5, 0, 2), flip(5, [2]), flip(5, [0, 1])):
        test = averaging_test(fitted, predicted, element, CENTER)
        assert test.p_asymmetry < 1e-4
        assert test.p_harm > 0.5
        assert test.gain < 0.0


def test_columns_that_tell_nothing_are_no_invariance(fitted: CrossFit) -> None:
    test = averaging_test(fitted, fitted.predict(fitted.X), swap(5, 3, 4), CENTER)

    assert test.p_irrelevance > 0.001


def test_neighbors_tell_without_a_model(fitted: CrossFit) -> None:
    tests = NeighborTests(fitted, CENTER)

    right, wrong = tests.test(swap(5, 0, 1)), tests.test(flip(5, [2]))

    assert right.p > 0.01
    assert right.support > 0.9
    assert wrong.p < 1e-4


def test_rows_outside_the_data_are_seen() -> None:
    rng = np.random.default_rng(6)
    x = rng.random((600, 2)) + np.array([0.0, 3.0])
    y = x.sum(axis=1, keepdims=True) - 4.0
    apart = cross_fit(x, y + 0.05 * rng.standard_normal((600, 1)), seed=2)

    assert NeighborTests(apart, np.zeros(2)).test(flip(2, [0, 1])).support < 0.1
