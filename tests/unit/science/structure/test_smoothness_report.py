import json

import numpy as np
import pytest

from app.science.errors import DegenerateTarget, TooFewRows
from app.science.structure.noise import Estimate
from app.science.structure.smoothness_report import SmoothnessReport, measure

SIZE = 900
D = Estimate(3.0, 3.0, 3.0)


def table(jump: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (SIZE, 3))
    y = (
        np.sin(2 * rows[:, 0])
        + rows[:, 1] * rows[:, 2]
        + jump * (rows[:, 0] + 0.5 * rows[:, 1] ** 2 > 0.1)
    )
    return rows, y + 0.1 * rng.standard_normal(SIZE)


@pytest.fixture(scope="module")
def smooth() -> SmoothnessReport:
    return measure(*table(0.0), "regression", dimension=D)


@pytest.fixture(scope="module")
def jump() -> SmoothnessReport:
    return measure(*table(2.0), "regression", dimension=D)


def test_the_side_is_found(smooth: SmoothnessReport, jump: SmoothnessReport) -> None:
    assert smooth.verdict.side == "smooth"
    assert jump.verdict.side == "jump"
    assert jump.position.region == "jump_dominates"
    assert "kernel ridge" in jump.position.best_family


def test_the_noise_is_a_share_of_the_variance(smooth: SmoothnessReport) -> None:
    truth = 0.01 / table(0.0)[1].var()

    assert smooth.noise is not None
    assert smooth.noise.variance.low <= truth <= smooth.noise.variance.high


def test_without_a_jump_the_smoothness_is_at_least_that_of_the_exponent(
    smooth: SmoothnessReport,
) -> None:
    assert smooth.structure is not None
    zeta = smooth.structure.zeta[2]
    assert zeta is not None
    assert smooth.smoothness.low >= min(zeta.low / 2, 1.0)
    assert smooth.smoothness.low <= smooth.smoothness.value <= smooth.smoothness.high


def test_the_json_is_strict(smooth: SmoothnessReport, jump: SmoothnessReport) -> None:
    for report in (smooth, jump):
        document = json.loads(json.dumps(report.to_json(), allow_nan=False))
        assert document["format"] == "adaptnet-smoothness/1"
        assert len(document["contest"]["rounds"]) == 4


def test_the_target_s_unit_and_the_seed_s_repetition_change_nothing(jump: SmoothnessReport) -> None:
    rows, y = table(2.0)
    other = measure(rows, 1000.0 + 50.0 * y, "regression", dimension=D)

    assert other.structure is not None
    assert jump.structure is not None
    assert other.structure.jump_index is not None
    assert jump.structure.jump_index is not None
    assert other.structure.jump_index.value == pytest.approx(
        jump.structure.jump_index.value, rel=1e-6
    )
    assert other.unit == pytest.approx(50.0 * jump.unit)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_have_no_jump_index_and_the_contest_decides(n_classes: int) -> None:
    rows, y = table(0.0)
    codes = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    report = measure(rows[:600], codes[:600], "binary" if n_classes == 2 else "multiclass")

    assert report.structure is not None
    assert report.structure.jump_index is None
    assert report.verdict.side == report.verdict.witnesses[1].says
    assert len(report.notes) == (1 if n_classes == 2 else 2)
    json.dumps(report.to_json(), allow_nan=False)


def test_distances_count_in_a_given_metric() -> None:
    rows, y = table(2.0)
    wide = np.hstack([rows, np.random.default_rng(9).standard_normal((SIZE, 20))])
    report = measure(wide, y, "regression", metric=np.eye(23)[:, :3], dimension=D)

    assert report.metric == "given"
    assert report.verdict.side == "jump"


def test_rows_that_mostly_coincide_leave_the_contest(jump: SmoothnessReport) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (600, 2)).astype(np.float64)
    report = measure(rows, rows[:, 0] + 0.1 * rng.standard_normal(600), "regression")

    assert report.structure is None
    assert report.noise is None
    json.dumps(report.to_json(), allow_nan=False)


def test_too_few_rows_and_a_constant_target_are_refused() -> None:
    rows, y = table(0.0)
    with pytest.raises(TooFewRows):
        measure(rows[:100], y[:100], "regression")
    with pytest.raises(DegenerateTarget):
        measure(rows, np.ones(SIZE), "regression")
