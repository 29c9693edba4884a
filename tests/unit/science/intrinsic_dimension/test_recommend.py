"""The recommended value and interval on clean, noisy, rounded and high-dimensional clouds."""

import numpy as np
import pytest

from app.science.intrinsic_dimension.first_look import first_look
from app.science.intrinsic_dimension.report import DimensionReport, measure
from app.science.intrinsic_dimension.sample_size import rows_for_ten_percent
from tests.unit.science.intrinsic_dimension.clouds import (
    Points,
    cube,
    embedded,
    gauss,
    s_curve,
    sphere,
    tanh_net,
)

RNG_SEED = 7


def product_of_sphere_and_cube(n: int) -> Points:
    return np.hstack([sphere(n, 6, RNG_SEED), cube(n, 3, RNG_SEED)])


def exponential(n: int) -> Points:
    return embedded(np.random.default_rng(RNG_SEED).exponential(size=(n, 4)), 12)


def spiral(n: int) -> Points:
    t = np.random.default_rng(RNG_SEED).random(n)
    path: Points = np.c_[t * np.cos(9 * t), t * np.sin(9 * t), t]
    return path


def cosine_features(n: int) -> Points:
    features: Points = np.cos(cube(n, 5, RNG_SEED) @ gauss(5, 40, RNG_SEED) * 1.5)
    return features


@pytest.mark.parametrize(
    ("d", "points"),
    [
        (1, spiral(1500)),
        (2, s_curve(1500)),
        (4, exponential(1500)),
        (5, cosine_features(1500)),
        (8, tanh_net(1500, 8, 40)),
        (9, product_of_sphere_and_cube(1500)),
        (15, tanh_net(1500, 15, 60)),
        (25, embedded(sphere(1500, 25), 60)),
    ],
    ids=["spiral", "s", "exponential", "cosine", "tanh8", "product", "tanh15", "sphere25"],
)
def test_the_interval_holds_the_truth(d: int, points: Points) -> None:
    best = measure(points).recommended

    assert best.low <= d <= best.high
    assert best.value == pytest.approx(d, rel=0.15)
    assert best.high - best.low <= 0.45 * d
    assert best.for_sizing == best.high


@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_noise_is_flagged_and_read_above_its_scale(sigma: float) -> None:
    noisy = s_curve(3000) + sigma * gauss(3000, 50, seed=5) / np.sqrt(50)

    report = measure(noisy)

    assert "noise_suspected" in report.flags
    assert report.curve.points[0].raw > 2.8
    assert report.recommended.value == pytest.approx(2, rel=0.15)
    assert report.recommended.confidence == "low"


@pytest.mark.parametrize("d", [2, 10, 30])
def test_clean_rows_raise_no_noise_flag(d: int) -> None:
    assert "noise_suspected" not in measure(gauss(1200, d)).flags


@pytest.mark.parametrize("n", [2500, 6000])
@pytest.mark.parametrize("p", [20, 50])
def test_mild_noise_is_flagged_and_taken_off(n: int, p: int) -> None:
    clean = gauss(n, 6, seed=2) / np.sqrt(6)
    noisy = embedded(clean, p) + 0.1 * gauss(n, p, seed=3) / np.sqrt(p)

    report = measure(noisy)

    assert "noise_suspected" in report.flags
    assert report.curve.points[0].value > 7
    assert report.recommended.value == pytest.approx(6, rel=0.1)
    assert report.recommended.low <= 6 <= report.recommended.high


def test_curvature_and_heavy_tails_are_not_taken_for_noise() -> None:
    for points in (tanh_net(1500, 8, 40), cosine_features(1500), exponential(1500)):
        assert "noise_suspected" not in measure(points).flags


@pytest.mark.parametrize("d", [18, 40])
def test_flat_rows_of_high_dimension_are_read_with_angles(d: int) -> None:
    best = measure(embedded(sphere(2500, d), 2 * d)).recommended

    assert best.value == pytest.approx(d, rel=0.04)
    assert best.low <= d <= best.high
    assert best.high - best.low < 0.25 * d
    assert best.k_max == 100


def test_a_first_look_agrees_with_the_whole_report() -> None:
    points = tanh_net(3000, 6, 30)

    first, whole = first_look(points), measure(points).recommended

    assert first.value == pytest.approx(whole.value, rel=0.06)
    assert first.low <= 6 <= first.high


def test_strong_curvature_is_flagged() -> None:
    bent = np.cos(cube(1500, 9, RNG_SEED) @ gauss(9, 60, RNG_SEED) * 1.5)

    report = measure(bent)

    assert "curvature_suspected" in report.flags
    assert report.recommended.low < 9 < report.recommended.high


def test_the_answer_never_exceeds_the_columns() -> None:
    best = measure(cube(600, 3)).recommended

    assert best.high <= 3


def test_beyond_the_table_the_columns_are_the_upper_end() -> None:
    report = measure(gauss(400, 300))

    assert report.recommended.high == 300
    assert report.recommended.confidence == "low"
    assert any("lower bound" in warning for warning in report.warnings)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_duplicated_rows_change_nothing_but_a_flag(share: float) -> None:
    points = cube(1500, 6)
    doubled = np.vstack([points, points[: int(share * len(points))]])

    here, there = measure(points), measure(doubled)

    assert there.recommended.value == here.recommended.value
    assert "duplicates_heavy" in there.flags
    assert "duplicates_heavy" not in here.flags


@pytest.mark.parametrize("step", [0.01, 0.05, 0.1])
def test_rounding_keeps_the_value(step: float) -> None:
    points = cube(2000, 6)

    rounded = measure(np.round(points / step) * step)

    assert "discrete_columns" in rounded.flags
    assert rounded.recommended.value == pytest.approx(measure(points).recommended.value, rel=0.1)


@pytest.mark.parametrize("levels", [2, 3, 30])
def test_integers_give_a_finite_positive_value(levels: int) -> None:
    points = np.random.default_rng(0).integers(0, levels, (800, 10))

    best = measure(points).recommended

    assert 0 < best.low <= best.value
    assert best.value <= best.high <= 10


def test_scale_offset_and_rotation_change_nothing() -> None:
    points = tanh_net(800, 4, 15)
    moved = 1e3 * (points @ np.linalg.qr(gauss(15, 15))[0]) + 1e5

    here, there = measure(points).recommended, measure(moved).recommended

    assert there.value == pytest.approx(here.value, rel=1e-6)
    assert there.low == pytest.approx(here.low, rel=1e-6)


def test_row_order_changes_the_value_by_nothing() -> None:
    points = tanh_net(800, 4, 15)

    shuffled: DimensionReport = measure(np.random.default_rng(0).permutation(points))

    assert shuffled.recommended.value == pytest.approx(measure(points).recommended.value)


def test_more_rows_are_advised_for_more_dimensions() -> None:
    advised = [rows_for_ten_percent(d, max_queries=10_000) for d in (2, 5, 10)]

    assert all(rows is not None for rows in advised)
    assert advised == sorted(rows for rows in advised if rows is not None)
