"""What a prediction is worth on held-out rows, with one headline metric a task.

Source: Nguyen & O'Connor 2015, EMNLP (calibration error over bins of equal mass).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from app.science.evaluation.decision import ClassWeights, decide
from app.science.relu_network.network import Task

HEADLINE: Mapping[Task, str] = {
    "regression": "rmse",
    "binary": "error_rate",
    "multiclass": "error_rate",
}
"""The metric that models are chosen and compared by where all classes count alike."""
WEIGHTED = "weighted_error_rate"

SMALLEST_PROBABILITY = 1e-12
CALIBRATION_BINS = 15


def headline_name(task: Task, class_weights: ClassWeights = ()) -> str:
    """The metric that models are chosen and compared by; lower is better."""
    return WEIGHTED if class_weights else HEADLINE[task]


def evaluate(
    task: Task,
    y: NDArray[Any],
    prediction: NDArray[np.float64],
    class_weights: ClassWeights = (),
) -> dict[str, float]:
    """All metrics of the task by name; one that these rows leave undefined is absent.

    Parameters
    ----------
    y : (n,), values or class codes
    prediction : (n,) in the unit of y, or (n, c) class probabilities

    Returns
    -------
    dict[str, float]
        Regression: ``rmse mae r2 rmse_standardised`` (rmse in standard deviations of ``y``).
        Classification: ``error_rate balanced_error_rate log_loss expected_calibration_error``,
        ``auc`` for two classes, and ``weighted_error_rate`` where classes have weights. Shares
        are 0-1.
    """
    if task == "regression":
        return _regression(y, prediction.reshape(len(y)))
    found = _classification(y, prediction, class_weights)
    if class_weights:
        found[WEIGHTED] = headline(task, y, prediction, class_weights)
    return found


def headline(
    task: Task,
    y: NDArray[Any],
    prediction: NDArray[np.float64],
    class_weights: ClassWeights = (),
) -> float:
    """The headline metric alone."""
    return _from_row_losses(task, row_losses(task, y, prediction, class_weights))


def row_losses(
    task: Task,
    y: NDArray[Any],
    prediction: NDArray[np.float64],
    class_weights: ClassWeights = (),
) -> NDArray[np.float64]:
    """What each row adds to the headline metric, (n,).

    The squared error, or what a wrong class costs; the costs have mean 1 over these rows.
    """
    if task == "regression":
        squared: NDArray[np.float64] = (prediction.reshape(len(y)) - y) ** 2
        return squared
    wrong: NDArray[np.float64] = (decide(prediction, class_weights) != y).astype(np.float64)
    if not class_weights:
        return wrong
    costs = np.asarray(class_weights)[y]
    return np.asarray(wrong * costs / costs.mean())


def headline_of_mean(task: Task, mean_loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """The headline metric, any shape, from mean row losses."""
    return np.sqrt(mean_loss) if task == "regression" else mean_loss


def _from_row_losses(task: Task, losses: NDArray[np.float64]) -> float:
    return float(headline_of_mean(task, losses.mean()))


def _regression(y: NDArray[Any], prediction: NDArray[np.float64]) -> dict[str, float]:
    error = prediction - y
    mean_square = float(np.mean(error**2))
    metrics = {"rmse": mean_square**0.5, "mae": float(np.mean(np.abs(error)))}
    variance = float(np.var(y))
    if variance > 0.0:
        metrics["r2"] = 1.0 - mean_square / variance
        metrics["rmse_standardised"] = (mean_square / variance) ** 0.5
    return metrics


def _classification(
    y: NDArray[Any], probabilities: NDArray[np.float64], class_weights: ClassWeights
) -> dict[str, float]:
    of_truth = probabilities[np.arange(len(y)), y]
    likeliest_right = probabilities.argmax(axis=1) == y
    wrong = decide(probabilities, class_weights) != y
    metrics = {
        "error_rate": float(np.mean(wrong)),
        "balanced_error_rate": _balanced(wrong, y),
        "log_loss": float(-np.mean(np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)))),
        "expected_calibration_error": _calibration_error(
            probabilities.max(axis=1), likeliest_right
        ),
    }
    if probabilities.shape[1] == 2 and 0 < np.sum(y == 1) < len(y):
        metrics["auc"] = _auc(y == 1, probabilities[:, 1])
    return metrics


def _balanced(wrong: NDArray[np.bool_], y: NDArray[Any]) -> float:
    """Mean over the classes that occur of the share of their rows that are wrong."""
    counts = np.bincount(y)
    of_class = np.bincount(y, weights=wrong)[counts > 0] / counts[counts > 0]
    return float(of_class.mean())


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean distance of confidence from the share of right answers, over bins of equal mass.

    Equal confidences share a bin, so the order of the rows does not matter.
    """
    edges = np.quantile(confidence, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
    bins = np.searchsorted(edges, confidence)
    gaps = np.bincount(bins, weights=confidence - right, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Share of (positive, negative) pairs in the right order; ties count one half."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    rank_sum = float(rankdata(score)[positive].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
