import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.science.structure.noise import Estimate
from app.science.structure.phase_diagram import (
    REGIONS,
    corollary_boundary,
    introduction_boundary,
    linear_rate,
    locate,
    network_rate,
    region,
    smooth_rate,
)

numbers = st.floats(0.3, 4.0)
dimensions = st.floats(2.0, 40.0)


@given(a=numbers, b=numbers, d=dimensions)
def test_regions_lie_between_the_printed_boundaries(a: float, b: float, d: float) -> None:
    lower, upper = (
        float(corollary_boundary(np.asarray(b), d)),
        float(introduction_boundary(np.asarray(b), d)),
    )
    if min(abs(a - lower), abs(a - upper)) < 1e-6:
        return
    found = REGIONS[int(region(np.asarray(a), np.asarray(b), np.asarray(d)))]

    assert found == (
        "jump_dominates" if a < lower else "linear_is_slower" if a < upper else "no_gap_proved"
    )


@given(a=numbers, b=numbers, d=dimensions)
def test_below_the_introduction_s_boundary_linear_estimators_are_slower(
    a: float, b: float, d: float
) -> None:
    at_a, at_b, at_d = np.asarray(a), np.asarray(b), np.asarray(d)
    edge = float(introduction_boundary(at_b, d))
    if abs(a - edge) < 1e-6:
        return

    slower = float(linear_rate(at_a, at_d)) < float(network_rate(at_a, at_b, at_d))
    assert slower == (a < edge)


def test_a_position_adds_up_and_is_plain_json() -> None:
    rng = np.random.default_rng(0)
    position = locate("jump", Estimate(1.0, 0.5, 2.0), Estimate(5.0, 4.0, 6.0), rng)
    document = json.loads(json.dumps(position.to_json(), allow_nan=False))

    assert sum(document["shares"].values()) == pytest.approx(1.0)
    assert document["region"] == "jump_dominates"
    assert document["rates"]["linear"] < document["rates"]["networks"]
    assert document["boundaries_at_point"] == {
        "introduction": pytest.approx(8 / 3),
        "corollary_20": pytest.approx(1.6),
    }


def test_without_a_jump_both_families_share_the_rate() -> None:
    smoothness, d = Estimate(1.5, 1.0, 2.0), Estimate(4.0, 4.0, 4.0)
    position = locate("smooth", smoothness, d, np.random.default_rng(0))

    assert position.region is None
    assert position.rates["linear"] == position.rates["networks"]
    assert position.rates["networks"] == pytest.approx(
        float(smooth_rate(np.asarray(1.5), np.asarray(4.0)))
    )


def test_dimensions_below_one_and_an_infinite_boundary_still_write_json() -> None:
    narrow = Estimate(0.7, 0.5, 0.9)
    document = locate(
        "undecided", Estimate(1.0, 0.5, 2.0), narrow, np.random.default_rng(0)
    ).to_json()

    assert document["dimension"]["value"] == 1.0
    assert document["boundaries_at_point"]["introduction"] is None
    json.dumps(document, allow_nan=False)
