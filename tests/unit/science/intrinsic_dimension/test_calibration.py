"""Calibration removes the finite-sample bias, and says where it cannot."""

import numpy as np
import pytest
import torch

from app.science.intrinsic_dimension.calibration import calibrate, load_table
from app.science.intrinsic_dimension.families import CORE, FAMILIES
from app.science.intrinsic_dimension.make_calibration import DIMENSIONS, OUTPUT, smoothed
from app.science.intrinsic_dimension.neighbors import exact_neighbors
from app.science.intrinsic_dimension.scale_curve import ScaleCurve, scale_curve
from tests.unit.science.intrinsic_dimension.clouds import Points, cube, gauss, sphere

CLOUDS = {"cube": cube, "sphere": sphere, "gauss": gauss}


def curve(points: Points, k: int = 128) -> ScaleCurve:
    return scale_curve(exact_neighbors(torch.from_numpy(points), k))


@pytest.mark.parametrize("d", [2, 5, 10, 20])
@pytest.mark.parametrize("family", ["cube", "sphere", "gauss"])
def test_a_family_reads_itself_right_at_every_scale(family: str, d: int) -> None:
    points = curve(CLOUDS[family](2000, d, d)).points

    for point in points:
        read = point.calibrated.by_family[family]
        assert read == pytest.approx(d, rel=0.03 + 4 * point.raw_se / point.raw)
        assert point.value == pytest.approx(d, rel=0.10 + 4 * point.raw_se / point.raw)


def test_the_raw_value_is_far_too_low_where_the_calibrated_one_is_not() -> None:
    point = curve(gauss(1000, 30)).nearest(20)

    assert point.raw < 22
    assert point.low < 30 < point.high


def test_the_table_rises_with_dimension() -> None:
    raw = load_table().raw

    assert np.isfinite(raw).all()
    assert (np.diff(raw, axis=1) >= 0).all()


def test_the_table_holds_every_family() -> None:
    assert load_table().families == tuple(FAMILIES)
    assert set(CORE) <= set(FAMILIES)


def test_the_shipped_table_is_the_smoothed_simulation() -> None:
    with np.load(OUTPUT, allow_pickle=False) as file:
        again = smoothed(file["simulated"][0].astype(float))
        assert np.allclose(again, file["raw"][0], rtol=1e-3)


def test_a_larger_raw_value_reads_as_a_larger_dimension() -> None:
    values = [calibrate(raw, k=3, n_references=700).value for raw in np.linspace(0.5, 60, 40)]

    assert values == sorted(values)


def test_beyond_the_largest_size_only_the_share_counts() -> None:
    many = calibrate(15.0, k=100, n_references=400_000).value
    few = calibrate(15.0, k=10, n_references=40_000).value

    assert many == pytest.approx(few)


def test_an_end_of_the_table_is_said() -> None:
    assert calibrate(120.0, k=2, n_references=1000).beyond
    assert calibrate(120.0, k=2, n_references=1000).value == pytest.approx(DIMENSIONS[-1])
    assert calibrate(5.0, k=2, n_references=10_000_000).clamped
    inside = calibrate(5.0, k=2, n_references=1000)
    assert not inside.clamped
    assert not inside.beyond


def test_families_draw_what_they_say() -> None:
    generator = torch.Generator().manual_seed(0)
    ambient = {"sphere": 4, "torus": 6}

    for name, sampler in FAMILIES.items():
        assert sampler(40, 3, generator).shape == (40, ambient.get(name, 3))
