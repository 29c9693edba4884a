"""The head's exact risk over its width, against plain least squares and on a known law."""

import json

import numpy as np
import pytest

from app.science.errors import DegenerateTarget, TooFewRows
from app.science.structure.double_descent import (
    DoubleDescent,
    double_descent,
    head_sample,
    peak_warning,
    summary,
)
from app.science.structure.nested_ridge import Rows, Spectrum, centered
from app.science.structure.parallel_blocks import parallel_blocks

N_FIT = 120


def relu_rows(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random ReLU features of five columns and a smooth target in noise."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1.0, 1.0, (n, 5))
    features = np.maximum(rows @ rng.normal(size=(5, m)) + rng.uniform(-1.0, 1.0, m), 0.0)
    y = np.sin(2.0 * rows[:, 0]) + rows[:, 1] * rows[:, 2] + 0.2 * rng.normal(size=n)
    return features, 50.0 + 10.0 * y


@pytest.fixture(scope="module")
def curve() -> DoubleDescent:
    return double_descent(*relu_rows(600, 4 * N_FIT), fit_rows=N_FIT, seed=1)


@pytest.fixture(scope="module")
def split() -> Rows:
    features, y = relu_rows(400, 300)
    return centered(features, y[:, None], np.arange(100), np.arange(100, 400))


def test_the_ridgeless_risk_peaks_where_features_are_as_many_as_rows(curve: DoubleDescent) -> None:
    least = min(point.ridgeless.risk for point in curve.points)

    assert curve.peak.ridgeless.risk > 10.0 * least
    assert 0.94 < curve.peak.ratio < 1.06


def test_the_tuned_risk_has_no_peak_and_is_flat_from_three_dof_on(curve: DoubleDescent) -> None:
    assert curve.enough_width < curve.points[-1].width
    assert curve.excess_when_enough < 0.25
    assert all(p.tuned.risk <= 1.1 * p.ridgeless.risk for p in curve.points)


@pytest.mark.parametrize("width", [30, 99, 250])
def test_ridgeless_is_the_least_squares_solution_of_least_norm(split: Rows, width: int) -> None:
    spectrum = Spectrum.of(split.columns(slice(0, width)))
    weights = np.linalg.pinv(split.F[:, :width], rcond=1e-9) @ split.y

    found = spectrum.predict(0.0, slice(None))

    np.testing.assert_allclose(found, split.F_held[:, :width] @ weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [30, 250])
def test_a_penalty_gives_ridge_and_its_cross_validation(split: Rows, width: int) -> None:
    features, n = split.F[:, :width], len(split.F)
    hat = features @ np.linalg.solve(features.T @ features + n * 0.01 * np.eye(width), features.T)
    weights = np.linalg.solve(
        features.T @ features + n * 0.01 * np.eye(width), features.T @ split.y
    )
    dof = np.trace(hat) + 1.0

    head = Spectrum.of(split.columns(slice(0, width))).solved(0.01)

    errors = ((split.F_held[:, :width] @ weights - split.y_held) ** 2)[150:]
    assert head.risk == pytest.approx(errors.mean())
    assert head.effective_dof == pytest.approx(dof)
    rest = ((split.y - hat @ split.y) ** 2).mean()
    assert head.predicted == pytest.approx(rest / (1.0 - dof / n) ** 2)


@pytest.mark.parametrize("width", [40, 250])
def test_the_noise_gain_is_the_variance_over_fresh_noise(split: Rows, width: int) -> None:
    spectrum = Spectrum.of(split.columns(slice(0, width)))
    noise = np.random.default_rng(5).normal(size=(len(split.y), 4000))
    noisy = Rows(split.F, noise - noise.mean(axis=0), split.F_held, np.zeros((300, 4000)))

    predicted = Spectrum.of(noisy.columns(slice(0, width))).predict(0.0, noisy.judging)

    expected = spectrum.solved(0.0).noise_gain - 1.0 / len(split.y)
    assert (predicted**2).mean() == pytest.approx(expected, rel=0.05)


def test_the_rows_that_judge_have_no_say_in_the_penalty(split: Rows) -> None:
    spectrum = Spectrum.of(split)
    changed = split.y_held.copy()
    changed[split.judging] *= -1.0

    other = Spectrum.of(Rows(split.F, split.y, split.F_held, changed))

    assert other.tuned().penalty == spectrum.tuned().penalty
    assert other.tuned().risk > spectrum.tuned().risk


def test_fit_rows_alone_foretell_the_risk_away_from_the_peak(curve: DoubleDescent) -> None:
    errors = [
        abs(np.log(head.predicted / head.risk))
        for point in curve.points
        if point.ratio < 0.7 or point.ratio > 1.5
        for head in (point.ridgeless, point.tuned)
    ]

    assert np.median(errors) < 0.25


def test_blocks_average_to_one_head_and_lower_the_variance(split: Rows) -> None:
    joint = Spectrum.of(split.columns(slice(0, 99))).solved(0.0)

    one, two, four = parallel_blocks(split, 99, n_blocks=(1, 2, 4))

    assert one.ridgeless_risk == pytest.approx(joint.risk)
    assert one.ridgeless_noise_gain == pytest.approx(joint.noise_gain)
    assert one.ridgeless_noise_gain > two.ridgeless_noise_gain > four.ridgeless_noise_gain
    assert {head.width for head in (one, two, four)} == {99}


def test_the_skip_path_is_in_every_block_and_left_out_once(split: Rows) -> None:
    heads = parallel_blocks(split, 99, n_skip=5, n_blocks=(1, 4))

    assert [(head.n_blocks, head.skip) for head in heads] == [(1, True), (4, True), (1, False)]
    assert {head.width for head in heads} == {99}


def test_a_linear_target_needs_its_skip_path() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(900, 4))

    features, y = head_sample(rows, rows @ np.arange(1.0, 5.0) + rng.normal(size=900))
    found = double_descent(features, y, n_skip=4)

    with_skip, without = (next(b for b in found.blocks if b.skip is skip) for skip in (True, False))
    assert with_skip.tuned_risk < without.tuned_risk


def test_units_do_not_sit_on_the_rows_that_are_fitted() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))

    features, _ = head_sample(rows, np.arange(300.0))

    assert features.shape == (150, 3 + 150)
    assert features[:, 3:].max() < 0.999  # a unit is 1 at its own center


def test_an_override_on_the_peak_is_warned_about(curve: DoubleDescent) -> None:
    text = peak_warning(1000, 1000, curve)

    assert text is not None
    assert "n_motifs = 1,000 is 1.00 times the 1,000 fitted rows" in text
    assert f"{curve.ridgeless_factor(1.0):.3g} times the tuned one" in text
    assert peak_warning(700, 1000) is None
    assert peak_warning(1500, 1000) is None
    assert "many times" in (peak_warning(701, 1000) or "")


def test_the_document_is_strict_json_and_says_it_in_words(curve: DoubleDescent) -> None:
    document = json.loads(json.dumps(curve.to_json(), allow_nan=False))

    assert document["format"] == "adaptnet-double-descent/1"
    assert len(document["points"]) == len(curve.points)
    assert document["summary"] == summary(curve)
    assert f"peak at {curve.peak.width} features" in summary(curve)


def test_one_column_a_class_is_a_target_too() -> None:
    features, y = relu_rows(400, 300)
    codes = np.digitize(y, np.quantile(y, [0.3, 0.6]))

    found = double_descent(features, np.eye(3)[codes], fit_rows=100)

    assert found.best_tuned.tuned.risk < 0.9
    assert found.peak_factor > 5.0


def test_the_same_seed_gives_the_same_curve() -> None:
    features, y = relu_rows(300, 160)

    assert double_descent(features, y, seed=4) == double_descent(features, y, seed=4)


def test_too_few_rows_or_features_and_a_constant_target_are_errors() -> None:
    features, y = relu_rows(300, 160)

    for few in (features[:60], features[:, :70]):
        with pytest.raises(TooFewRows):
            double_descent(few, y[: len(few)])
    with pytest.raises(DegenerateTarget):
        double_descent(features, np.ones(300))
