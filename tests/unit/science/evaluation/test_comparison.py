import doctest

import numpy as np
import pytest

from app.science.errors import ScienceError
from app.science.evaluation import comparison
from app.science.evaluation.comparison import (
    Difference,
    Rival,
    paired_bootstrap,
    sentence,
    time_to_quality,
    verdict,
)


def test_the_interval_covers_a_known_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    known = 1.0 - 1.1  # rmse of unit noise minus rmse of noise scaled by 1.1
    covered = 0
    for seed in range(100):
        y, shared = rng.normal(size=(2, 400))
        scaled = 1.1 * (0.8 * shared + 0.6 * rng.normal(size=400))
        found = paired_bootstrap("regression", y, y + shared, y + scaled, seed=seed)
        covered += found.low <= known <= found.high
    assert 88 <= covered <= 100


def test_error_rates_are_compared_on_the_same_rows() -> None:
    y = np.zeros(1000, dtype=int)
    ours, worse = (np.tile([0.9, 0.1], (1000, 1)) for _ in range(2))
    ours[:100] = worse[:150] = [0.1, 0.9]

    found = paired_bootstrap("binary", y, ours, worse, seed=0)

    assert (found.ours, found.baseline) == (0.1, 0.15)
    assert found.low < found.value < found.high < 0.0
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.05 * 0.95 / 1000), rel=0.2)


def test_many_rows_in_blocks_give_the_width_of_single_rows() -> None:
    rng = np.random.default_rng(2)
    n = 40_000
    y = np.zeros(n)
    ours, theirs = rng.normal(size=n), 1.05 * rng.normal(size=n)

    found = paired_bootstrap("regression", y, ours, theirs, seed=0)

    spread = np.sqrt((1.0**2 + 1.05**2) / (2 * n))  # of a difference of two root mean squares
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_equal_predictions_differ_by_nothing_and_seeds_repeat() -> None:
    y = np.random.default_rng(1).normal(size=100)
    same = paired_bootstrap("regression", y, y + 1.0, y + 1.0, seed=0)
    assert (same.low, same.value, same.high, same.significant) == (0.0, 0.0, 0.0, False)
    first, again = (paired_bootstrap("regression", y, 0 * y, 0.1 * y, seed=7) for _ in range(2))
    assert first == again


def test_predictions_that_are_not_finite_are_refused() -> None:
    y = np.zeros(3)
    with pytest.raises(ScienceError, match="finite"):
        paired_bootstrap("regression", y, y + np.nan, y, seed=0)


@pytest.mark.parametrize(
    ("seconds", "low", "high", "text"),
    [
        (2.0, -0.003, 0.011, "3.1x faster than SGD, rmse 0.381 against 0.377 (difference not s"),
        (12.4, 0.002, 0.006, "2.0x slower than SGD, rmse 0.381 against 0.377 (significantly wor"),
        (6.2, 0.002, 0.006, "As fast as SGD, rmse"),
        (0.062, 0.002, 0.006, "100x faster than SGD, rmse"),
    ],
)
def test_the_sentence_is_honest(seconds: float, low: float, high: float, text: str) -> None:
    difference = Difference("rmse", 0.381, 0.377, low, high)
    said = sentence(difference, seconds=seconds, baseline_seconds=6.2, baseline="SGD")
    assert said.startswith(text)


def test_a_win_is_called_better_with_its_size() -> None:
    win = Difference("error_rate", 0.1, 0.12, -0.03, -0.01)
    said = sentence(win, seconds=1.0, baseline_seconds=2.0)
    assert said.endswith(
        "error rate 0.1 against 0.12 (significantly better, by 0.01 to 0.03 at 95 %)"
    )


def rival(name: str, error: float, low: float, high: float, seconds: float = 10.0) -> Rival:
    return Rival(name, Difference("error_rate", 0.1, error, low, high), seconds)


def test_the_verdict_says_when_others_win() -> None:
    trees = rival("LightGBM", 0.05, 0.03, 0.07, seconds=1.0)
    sgd = rival("the Adam MLP", 0.07, 0.01, 0.05)
    said = verdict([sgd, trees], seconds=5.0)

    assert said.startswith(
        "LightGBM wins here: error rate 0.05 against 0.1 of Motif Mimicry (better by 0.03 to 0.07 "
        "at 95 %), and so does the Adam MLP (0.07); "
    )
    assert said.endswith(
        "training took 5 s, 2.0x faster than the Adam MLP and 5.0x slower than LightGBM"
    )


def test_the_verdict_claims_no_win_where_nothing_is_significant() -> None:
    tie = rival("the Adam MLP", 0.12, -0.05, 0.01)
    beaten = Rival("ridge", Difference("error_rate", 0.1, 0.3, -0.25, -0.15), 0.01, timed=False)

    assert verdict([tie, beaten], seconds=5.0) == (
        "No other method is significantly better than Motif Mimicry with its error rate of 0.1; "
        "it is better than ridge (0.3); the difference from the Adam MLP (0.12) is not "
        "significant; training took 5 s, 2.0x faster than the Adam MLP"
    )


def test_the_verdict_names_all_winners_but_leads_with_the_best() -> None:
    others = [rival(name, error, 0.01, 0.03) for name, error in (("a", 0.08), ("b", 0.06))]
    assert verdict(others, seconds=1.0).startswith("B wins here: error rate 0.06")
    assert "and so does a (0.08)" in verdict(others, seconds=1.0)
    with pytest.raises(ScienceError, match="at least one"):
        verdict([], seconds=1.0)


def test_the_time_to_a_quality_counts_the_tuning_and_may_never_come() -> None:
    curve = [(1.0, 0.5), (2.0, 0.3), (4.0, 0.35), (8.0, 0.2)]

    reached = time_to_quality(0.3, curve, tuning_seconds=10.0)
    never = time_to_quality(0.1, curve, tuning_seconds=10.0)

    assert (reached.seconds_of_run, reached.seconds, reached.best) == (2.0, 12.0, 0.2)
    assert (never.seconds_of_run, never.seconds, never.best) == (None, None, 0.2)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(comparison).failed == 0
