"""The arithmetic behind the bars of ``python -m benchmarks.mimicry``."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import mimicry_bars as bars

NAMES = ("ours", "mlp", "svm")
LOSSES = st.floats(1e-3, 1e3)


def test_ties_share_a_rank_and_an_absent_competitor_comes_last() -> None:
    assert bars.ranks({"ours": 0.5, "mlp": 0.5}, NAMES) == {"ours": 1.5, "mlp": 1.5, "svm": 3.0}


def test_two_absent_competitors_share_the_last_ranks() -> None:
    assert bars.ranks({"ours": 0.5}, NAMES) == {"ours": 1.0, "mlp": 2.5, "svm": 2.5}


def test_mean_ranks_average_over_tables() -> None:
    tables = [{"ours": 1.0, "mlp": 2.0, "svm": 3.0}, {"ours": 3.0, "mlp": 2.0, "svm": 1.0}]

    assert bars.mean_ranks(tables, NAMES) == {"ours": 2.0, "mlp": 2.0, "svm": 2.0}


@given(st.dictionaries(st.sampled_from(NAMES), LOSSES, min_size=1))
def test_ranks_always_add_up_to_the_same_sum(losses: dict[str, float]) -> None:
    assert sum(bars.ranks(losses, NAMES).values()) == pytest.approx(6.0)


def test_regret_is_relative_to_the_best_of_the_others() -> None:
    assert bars.regret({"ours": 1.1, "mlp": 1.0, "svm": 2.0}, "ours") == pytest.approx(0.1)
    assert bars.regret({"ours": 0.9, "mlp": 1.0}, "ours") == pytest.approx(-0.1)


def test_seconds_to_reach_is_the_first_time_at_or_below() -> None:
    curve = [(1.0, 0.9), (2.0, 0.5), (3.0, 0.7), (4.0, 0.4)]

    assert bars.seconds_to_reach(curve, 0.5, 10.0) == 2.0
    assert bars.seconds_to_reach(curve, 0.39, 10.0) == 10.0


def test_geometric_mean_is_undone_by_inverses() -> None:
    assert bars.geometric_mean([5.0, 0.2, 8.0, 0.125]) == pytest.approx(1.0)
    assert bars.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


@given(st.floats(0.2, 3.0), st.floats(1e-6, 1e3))
def test_log_slope_finds_the_exponent_of_a_power_law(exponent: float, scale: float) -> None:
    sizes = [1e4, 1e5, 1e6]

    slope = bars.log_slope(sizes, [scale * n**exponent for n in sizes])

    assert slope == pytest.approx(exponent, abs=1e-6)


def test_a_certificate_below_what_was_seen_fails_and_none_claims_nothing() -> None:
    assert not bars.certificate_holds(0.1, 0.2)
    assert bars.certificate_holds(0.2, 0.2)
    assert bars.certificate_holds(None, math.inf)


def test_smallest_reaching_takes_the_fewest_parameters_that_do() -> None:
    models = [(1_000, 0.5), (5_000, 0.3), (20_000, 0.29)]

    assert bars.smallest_reaching(models, 0.3) == 5_000
    assert bars.smallest_reaching(models, 0.1) is None
