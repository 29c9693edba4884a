"""The report: its sections, its JSON, its refusals; and ``prepare``."""

import json

import numpy as np
import pytest

from app.science.errors import DegenerateDistances, NoUsableColumns, ScienceError, TooFewRows
from app.science.intrinsic_dimension.prepare import prepare
from app.science.intrinsic_dimension.report import measure
from tests.unit.science.intrinsic_dimension.clouds import cube, embedded, gauss

SECTIONS = {
    "schema",
    "n",
    "n_used",
    "ambient_dim",
    "queries",
    "metric",
    "seed",
    "backend",
    "preprocess",
    "recommended",
    "raw",
    "estimators",
    "scale_curve",
    "local",
    "by_class",
    "linear",
    "minkowski",
    "flags",
    "warnings",
    "sample_size_advice",
    "two_nn",
    "by_sample_size",
}


@pytest.mark.parametrize("n", [50, 400])
def test_the_json_is_strict_and_complete(n: int) -> None:
    document = measure(gauss(n, 4), labels=np.arange(n) % 2).to_json()

    text = json.dumps(document, allow_nan=False)

    assert set(document) == SECTIONS
    assert json.loads(text) == document
    assert document["schema"] == "id-report/1"


def test_raw_and_calibrated_are_told_apart() -> None:
    document = measure(gauss(1000, 20)).to_json()

    assert document["recommended"]["kind"] == "calibrated"
    assert document["raw"]["mle_k20"] < document["recommended"]["low"]
    assert all({"raw", "cal"} <= set(point) for point in document["scale_curve"])
    assert document["local"]["kind"] == "raw"


def test_each_class_has_its_own_dimension() -> None:
    points = np.vstack([embedded(cube(400, 2), 8), 5 + embedded(cube(400, 6), 8)])
    labels = np.repeat(["flat", "thick"], 400)

    classes = {each.label: each.recommended for each in measure(points, labels=labels).by_class}

    assert classes["flat"].value == pytest.approx(2, rel=0.2)
    assert classes["thick"].low <= 6 <= classes["thick"].high


def test_classes_with_few_rows_are_left_out() -> None:
    labels = np.array(["many"] * 280 + ["few"] * 20)

    report = measure(gauss(300, 3), labels=labels)

    assert [each.label for each in report.by_class] == ["many"]


def test_two_dimensions_in_one_table_are_flagged() -> None:
    line = np.outer(np.random.default_rng(0).random(700), np.ones(12))

    report = measure(np.vstack([line, 3 + cube(700, 12)]))

    assert "multi_dimension" in report.flags


def test_queries_are_capped_and_said() -> None:
    report = measure(gauss(900, 3), max_queries=200)

    assert report.n_queries == 200
    assert report.n_used == 900
    assert "subsampled" in report.flags
    assert report.recommended.low <= 3 <= report.recommended.high


def test_the_same_seed_gives_the_same_report() -> None:
    points = gauss(500, 3)

    first, again = (measure(points, max_queries=100, seed=4).to_json() for _ in range(2))

    first["backend"]["seconds"] = again["backend"]["seconds"] = 0
    assert first == again


def test_linear_dimension_counts_axes() -> None:
    points = gauss(500, 10) * np.array([1.0] * 3 + [1e-3] * 7)

    linear = measure(points).linear

    assert linear.pca_95 == 3
    assert linear.participation_ratio == pytest.approx(3, rel=0.1)


def test_the_covering_slope_is_given_only_where_n_resolves_it() -> None:
    line, square = measure(cube(2000, 1)), measure(cube(2000, 2))

    assert line.covering.value == pytest.approx(1, rel=0.1)
    assert not square.covering.resolvable
    assert list(square.covering.eps) == sorted(square.covering.eps, reverse=True)


def test_progress_runs_from_search_to_end() -> None:
    shares: list[float] = []

    measure(np.round(gauss(300, 3), 1), progress=shares.append)  # rounding is searched twice

    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_fewer_than_fifty_distinct_rows_are_refused() -> None:
    points = np.vstack([gauss(49, 3)] * 3)

    with pytest.raises(TooFewRows) as refusal:
        measure(points)

    assert refusal.value.got == 49


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_that_are_not_finite_are_refused(bad: float) -> None:
    points = gauss(100, 3)
    points[5, 1] = bad

    with pytest.raises(DegenerateDistances):
        measure(points)


def test_labels_must_fit_the_rows() -> None:
    with pytest.raises(ScienceError):
        measure(gauss(100, 3), labels=np.zeros(99))


def test_prepare_drops_what_says_nothing_and_scales_the_rest() -> None:
    points = gauss(200, 3) * np.array([1.0, 1000.0, 1e-6])
    table = np.c_[points, points[:, 0], np.ones(200)]

    scaled, done = prepare(np.vstack([table, table[:10]]))

    assert scaled.shape == (200, 3)
    assert done["dropped_constant"] == 1
    assert done["dropped_duplicate_columns"] == 1
    assert done["dropped_duplicates"] == 10
    assert done["kept_columns"] == [0, 1, 2]
    assert np.allclose(scaled.std(axis=0), 1, rtol=0.2)


def test_prepare_scales_a_mostly_constant_column_by_its_deviation() -> None:
    column = np.r_[np.zeros(180), np.arange(1.0, 21.0)]

    scaled, _ = prepare(np.c_[gauss(200, 1), column])

    assert np.isfinite(scaled).all()
    assert scaled[:, 1].std() == pytest.approx(1)


def test_prepare_refuses_a_table_of_constants() -> None:
    with pytest.raises(NoUsableColumns):
        prepare(np.ones((100, 3)))


def test_what_prepare_did_joins_the_report() -> None:
    points = gauss(300, 3)
    clean, done = prepare(np.vstack([points, points[:50]]))

    report = measure(clean).after(done)

    assert report.preprocess["dropped_duplicates"] == 50
    assert "duplicates_heavy" in report.flags


def test_fewer_rows_show_the_same_dimension_of_a_flat_cloud() -> None:
    sizes = measure(cube(1600, 6)).by_sample_size

    assert [each.n for each in sizes] == [100, 200, 400, 800, 1600]
    assert all(each.low <= 6 <= each.high for each in sizes)
    assert sizes[0].raw < sizes[-1].raw


def test_the_two_nn_line_has_the_slope_of_the_dimension() -> None:
    across, up = (np.array(side) for side in measure(cube(3000, 2)).two_nn)

    assert (np.diff(across) >= 0).all()
    assert (across * up).sum() / (across**2).sum() == pytest.approx(2, rel=0.1)


def test_local_values_are_split_by_class() -> None:
    points = np.vstack([embedded(cube(400, 2), 8), 5 + embedded(cube(500, 6), 8)])
    labels = np.repeat(["flat", "thick"], (400, 500))

    flat, thick = measure(points, labels=labels).local_by_class

    assert (flat.label, flat.n, thick.n) == ("flat", 400, 500)
    assert flat.quantiles["75"] < thick.quantiles["25"]
