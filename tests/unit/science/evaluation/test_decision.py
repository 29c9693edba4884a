"""Costs of wrong answers move the decision between the classes, and nothing else."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from app.science.errors import ScienceError
from app.science.evaluation.comparison import paired_bootstrap
from app.science.evaluation.decision import class_weights, decide
from app.science.evaluation.metrics import WEIGHTED, evaluate

CLASSES = ("common", "rare")


def rows(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities of a class that a twentieth of the rows has, and the truth."""
    rng = np.random.default_rng(5)
    score = rng.normal(size=n) - 4.0
    p = 1.0 / (1.0 + np.exp(-1.5 * score - 1.0))
    return np.stack([1.0 - p, p], axis=1), (rng.random(n) < p).astype(np.int64)


def test_balanced_weights_win_on_the_balanced_error_and_keep_the_probabilities() -> None:
    probabilities, y = rows()
    weights = class_weights("balanced", CLASSES, y)

    plain, weighted = (
        evaluate("binary", y, probabilities),
        evaluate("binary", y, probabilities, weights),
    )

    assert weighted["balanced_error_rate"] < 0.8 * plain["balanced_error_rate"]
    assert weighted[WEIGHTED] == pytest.approx(weighted["balanced_error_rate"])
    expected = 1.0 - balanced_accuracy_score(y, decide(probabilities, weights))
    assert weighted["balanced_error_rate"] == pytest.approx(expected)
    for untouched in ("log_loss", "auc", "expected_calibration_error"):
        assert weighted[untouched] == plain[untouched]


def test_no_threshold_costs_less_than_the_decision() -> None:
    probabilities, y = rows()
    weights = class_weights({"rare": 9.0}, CLASSES, y)

    def cost(picked: np.ndarray) -> float:
        return float(np.mean((picked != y) * np.asarray(weights)[y]))

    others = [cost((probabilities[:, 1] > t).astype(np.int64)) for t in np.linspace(0, 1, 101)]

    assert cost(decide(probabilities, weights)) <= 1.02 * min(others)


def test_weights_have_mean_one_over_the_rows() -> None:
    _, y = rows()

    for asked in ("balanced", {"rare": 3.0}):
        weights = np.asarray(class_weights(asked, CLASSES, y))
        assert weights[y].mean() == pytest.approx(1.0)
    ratio = class_weights({"rare": 3.0}, CLASSES, y)
    assert ratio[1] / ratio[0] == pytest.approx(3.0)


def test_a_class_without_training_rows_stays_finite() -> None:
    assert np.isfinite(class_weights("balanced", (*CLASSES, "never"), rows()[1])).all()


def test_models_are_compared_by_what_mistakes_cost() -> None:
    probabilities, y = rows(4000)
    weights = class_weights("balanced", CLASSES, y)
    always_common = np.tile([1.0, 0.0], (len(y), 1))

    found = paired_bootstrap(
        "binary", y, probabilities, always_common, seed=0, class_weights=weights
    )

    assert found.metric == WEIGHTED
    assert found.baseline == pytest.approx(0.5)
    assert found.high < 0.0


@pytest.mark.parametrize(
    ("asked", "classes", "said"),
    [({"rara": 2.0}, CLASSES, "did you mean 'rare'"), ("balanced", (), "target is a number")],
)
def test_weights_that_fit_no_class_are_refused(
    asked: object, classes: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ScienceError, match=said):
        class_weights(asked, classes, np.array([0, 1]))  # type: ignore[arg-type]
