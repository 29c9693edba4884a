"""Phase ``baseline``: what a user would have trained instead, on the same split."""

from typing import Any

from app.domain.kinds.train import TrainSpec
from app.science.baselines.baseline import BASELINES, BaselineResult, Problem
from app.science.export.latency import single_row_ms
from workers import rivals
from workers.context import Context
from workers.effort import TREES, our_seconds, same_time
from workers.phase import Phase
from workers.tabular import SGD, Encoded, encoded, fitted_encoding


def run(context: Context) -> dict[str, Any]:
    """Leave each baseline's test predictions, seconds, size, latency and curve."""
    assert isinstance(context.spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    data = encoded(context)
    results = _results(context, data)
    encoding = fitted_encoding(context)
    documents = {
        name: rivals.document(data.task, data.test_y, result, data.class_weights)
        | {"latency_ms": single_row_ms(result.network, encoding)}
        for name, result in results.items()
    }
    predictions = {name: result.prediction_test for name, result in results.items()}
    context.write_arrays("predictions.safetensors", predictions)
    context.write_json("baseline.json", documents, public=True)
    if SGD in results:
        context.write_arrays("network.safetensors", dict(results[SGD].network.tensors))
        context.write_json("network.json", results[SGD].network.to_json())
    return {
        name: {key: document[key] for key in ("validation_metric", "seconds_total")}
        for name, document in documents.items()
    }


def _results(context: Context, data: Encoded) -> dict[str, BaselineResult]:
    """Every baseline that is wanted, by name; SGD a second time with the seconds of ours."""
    assert isinstance(context.spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    asked = context.spec.baselines
    problem = Problem(
        task=data.task,
        n_classes=len(data.classes),
        train_x=data.train_x,
        train_y=data.train_y,
        validation_x=data.validation_x,
        validation_y=data.validation_y,
        test_x=data.test_x,
        class_weights=data.class_weights,
    )
    wanted = ["ridge", *([TREES] if asked.trees else ()), *([SGD] if asked.sgd else ())]

    def trained(name: str, budget_seconds: float) -> BaselineResult:
        baseline = BASELINES.get(name)()
        return baseline.run(
            problem, seed=context.seed, budget_seconds=budget_seconds, device=context.device
        )

    results: dict[str, BaselineResult] = {}
    for index, name in enumerate(wanted):
        results[name] = trained(name, asked.max_wall_seconds)
        context.progress((index + 1) / (len(wanted) + 1), name)
    if SGD in results:
        ours = our_seconds(context)
        enough = results[SGD].seconds_total <= ours
        results[same_time(SGD)] = results[SGD] if enough else trained(SGD, ours)
    return results


PLUGIN: Phase = run
