"""Methods on the same test rows: errors, differences, coverage and one sentence."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from app.science.errors import NotCalibrated
from app.science.evaluation import conformal
from app.science.evaluation.comparison import (
    Difference,
    Rival,
    paired_bootstrap,
    time_to_quality,
    verdict,
)
from app.science.evaluation.coverage import coverage
from app.science.evaluation.decision import ClassWeights
from app.science.evaluation.metrics import evaluate, headline_name
from app.science.relu_network.network import Task
from workers.context import Context
from workers.effort import IN_WORDS, SAME_TIME, trained_by_sgd
from workers.tabular import LEVEL, Floats

OURS = "network"


def document(
    context: Context,
    task: Task,
    y: NDArray[Any],
    predictions: Mapping[str, Floats],
    costs: Mapping[str, dict[str, Any]],
    *,
    class_weights: ClassWeights = (),
) -> dict[str, Any]:
    """The part of ``evaluate.json`` that needs the test rows alone.

    Parameters
    ----------
    predictions : (n,) or (n, c) by method, ``network`` among them
    costs : seconds, numbers stored and latency of each method
    """
    differences = {
        name: paired_bootstrap(
            task, y, predictions[OURS], found, seed=context.seed, class_weights=class_weights
        )
        for name, found in predictions.items()
        if name not in (OURS, "teacher")
    }
    return {
        "metric": headline_name(task, class_weights),
        "n_test": len(y),
        "methods": {
            name: {
                "name": IN_WORDS[name],
                "metrics": evaluate(task, y, found, class_weights),
                **costs[name],
            }
            for name, found in predictions.items()
        },
        "differences": {name: _difference(found) for name, found in differences.items()},
        "coverage": _coverage(context, task, y, predictions[OURS]),
        "summary": summary(differences, costs),
    }


def _coverage(context: Context, task: Task, y: NDArray[Any], prediction: Floats) -> dict[str, Any]:
    """How often the network's intervals or sets hold the truth; null where it has none."""
    calibrated = conformal.from_json(context.read_json("calibrate", "calibrate.json"), task)
    try:
        found = coverage(calibrated, y, prediction, LEVEL)
    except NotCalibrated:
        return {"level": LEVEL, "value": None, "reason": calibrated.reason}
    return {
        "level": LEVEL,
        "value": found.share,
        "low": found.low,
        "high": found.high,
        "mean_size": found.mean_size,
        "n_rows": found.n_rows,
        "n_calibration": calibrated.n_rows,
    }


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "level": 0.95,
        "significant": found.significant,
    }


def matched_quality(baselines: Mapping[str, Any], error: float) -> dict[str, Any] | None:
    """How long SGD trained until it was as good as ours on the test rows; null without SGD.

    Parameters
    ----------
    baselines : ``baseline.json``
    error : of ours, in the headline metric
    """
    name = trained_by_sgd(baselines)
    if name is None:
        return None
    sgd = baselines[name]
    curve = [(point["seconds"], point["error"]) for point in sgd["test_curve"]]
    tuning = sgd["seconds_total"] - sgd["seconds_final"]
    found = time_to_quality(error, curve, tuning_seconds=tuning)
    return {
        "method": name,
        "error": found.error,
        "best": found.best,
        "reached": found.seconds is not None,
        "seconds": found.seconds,
        "seconds_without_tuning": found.seconds_of_run,
    }


def summary(differences: Mapping[str, Difference], costs: Mapping[str, dict[str, Any]]) -> str:
    """The same-time run is in the table; the sentence names each kind of method once."""
    rivals = [
        Rival(IN_WORDS[name], differences[name], costs[name]["seconds"], timed=name != "ridge")
        for name in IN_WORDS
        if name in differences and name not in SAME_TIME
    ]
    return verdict(rivals, seconds=costs[OURS]["seconds"])
