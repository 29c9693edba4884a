"""Phase ``baseline``: what a user would have trained instead, on the same split."""

from dataclasses import asdict
from typing import Any

from app.domain.kinds.train import TrainSpec
from app.science.baselines.baseline import BASELINES, Problem
from workers.context import Context
from workers.phase import Phase
from workers.tabular import SGD, encoded


def run(context: Context) -> dict[str, Any]:
    """Leave each baseline's test predictions, seconds, size and curve."""
    assert isinstance(context.spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    data = encoded(context)
    problem = Problem(
        task=data.task,
        n_classes=len(data.classes),
        train_x=data.train_x,
        train_y=data.train_y,
        validation_x=data.validation_x,
        validation_y=data.validation_y,
        test_x=data.test_x,
    )
    wanted = ("ridge", SGD) if context.spec.baselines.sgd else ("ridge",)
    documents, predictions = {}, {}
    for index, name in enumerate(wanted):
        result = BASELINES.get(name)().run(
            problem,
            seed=context.seed,
            budget_seconds=context.spec.baselines.max_wall_seconds,
            device=context.device,
        )
        predictions[name] = result.prediction_test
        documents[name] = {
            "validation_metric": result.validation_metric,
            "seconds_total": result.seconds_total,
            "seconds_final": result.seconds_final,
            "n_parameters": result.n_parameters,
            "settings": dict(result.settings),
            "curve": [asdict(point) for point in result.curve],
        }
        context.progress((index + 1) / len(wanted), name)
    context.write_arrays("predictions.safetensors", predictions)
    context.write_json("baseline.json", documents, public=True)
    return {
        name: {key: document[key] for key in ("validation_metric", "seconds_total")}
        for name, document in documents.items()
    }


PLUGIN: Phase = run
