"""What ``baseline.json`` says of a baseline, whatever it read."""

from dataclasses import asdict
from typing import Any

from numpy.typing import NDArray

from app.science.baselines.baseline import Outcome
from app.science.evaluation.decision import ClassWeights
from app.science.evaluation.metrics import headline
from app.science.relu_network.network import Task


def document(
    task: Task, y: NDArray[Any], outcome: Outcome, class_weights: ClassWeights = ()
) -> dict[str, Any]:
    """Its cost, its settings and its errors on the way; ``y`` are the test targets."""
    return {
        "validation_metric": outcome.validation_metric,
        "seconds_total": outcome.seconds_total,
        "seconds_final": outcome.seconds_final,
        "n_parameters": outcome.n_parameters,
        "settings": dict(outcome.settings),
        "curve": [asdict(point) for point in outcome.curve],
        "test_curve": [
            {
                "seconds": checkpoint.seconds,
                "error": headline(task, y, checkpoint.prediction_test, class_weights),
            }
            for checkpoint in outcome.checkpoints
        ],
    }
