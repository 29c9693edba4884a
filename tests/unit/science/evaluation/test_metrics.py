import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, r2_score, roc_auc_score

from app.science.evaluation.metrics import HEADLINE, evaluate, headline


def test_regression_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    prediction = y + 0.3 * rng.normal(size=300)

    metrics = evaluate("regression", y, prediction[:, None])

    assert metrics["r2"] == pytest.approx(r2_score(y, prediction))
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean((y - prediction) ** 2)))
    assert metrics["mae"] == pytest.approx(np.mean(np.abs(y - prediction)))
    assert metrics["rmse_standardised"] == pytest.approx(metrics["rmse"] / y.std())


def test_binary_agrees_with_sklearn_with_ties() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=300)
    p = np.clip(np.round(0.3 * y + 0.6 * rng.random(300), 1), 0.05, 0.95)

    metrics = evaluate("binary", y, np.stack([1 - p, p], axis=1))

    assert metrics["auc"] == pytest.approx(roc_auc_score(y, p))
    assert metrics["log_loss"] == pytest.approx(log_loss(y, p))
    assert metrics["error_rate"] == pytest.approx(np.mean((p > 0.5) != y))


def test_rare_classes_count_as_much_as_others_in_the_balanced_error() -> None:
    y = np.repeat([0, 2], [90, 10])
    p = np.tile([0.8, 0.1, 0.1], (100, 1))

    metrics = evaluate("multiclass", y, p)

    assert metrics["error_rate"] == pytest.approx(0.1)
    assert metrics["balanced_error_rate"] == pytest.approx(
        1 - balanced_accuracy_score(y, p.argmax(axis=1))
    )


def test_honest_probabilities_are_calibrated_and_sharper_ones_are_not() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    honest, sharp = np.stack([1 - p, p], axis=1), np.stack([(1 - p) ** 3, p**3], axis=1)
    sharp /= sharp.sum(axis=1, keepdims=True)
    order = rng.permutation(20_000)

    good, bad = (evaluate("binary", y, q)["expected_calibration_error"] for q in (honest, sharp))

    assert good < 0.02
    gap = np.where(p > 0.5, p, 1 - p)  # how often the likelier class is right, given p
    assert bad == pytest.approx(np.mean(sharp.max(axis=1) - gap), abs=0.01)
    again = evaluate("binary", y[order], np.round(honest, 1)[order])["expected_calibration_error"]
    tied = evaluate("binary", y, np.round(honest, 1))["expected_calibration_error"]
    assert again == pytest.approx(tied)


def test_what_the_rows_leave_undefined_is_absent() -> None:
    assert "r2" not in evaluate("regression", np.ones(5), np.zeros(5))
    certain = np.tile([0.0, 1.0], (5, 1))
    assert "auc" not in evaluate("binary", np.ones(5, dtype=int), certain)
    wrong = evaluate("binary", np.zeros(5, dtype=int), certain)
    assert np.isfinite(wrong["log_loss"])
    assert set(evaluate("multiclass", np.arange(3), np.eye(3))) == {
        "error_rate",
        "balanced_error_rate",
        "log_loss",
        "expected_calibration_error",
    }


def test_the_headline_is_one_of_the_metrics() -> None:
    y, p = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    assert headline("binary", y, p) == evaluate("binary", y, p)[HEADLINE["binary"]]
    x = np.array([0.0, 2.0])
    assert headline("regression", x, x + 1) == evaluate("regression", x, x + 1)["rmse"]
