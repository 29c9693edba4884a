"""Phase ``baseline``: what a user would have trained instead, on the same split.

Ridge reads plain numbers of the rows; a network of the modality's usual kind is trained by SGD, in
full and with the seconds of ours. Trees read columns of a table; none is trained here.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from app.domain.kinds.train import TrainSpec
from app.science.baselines import race
from app.science.baselines.baseline import BASELINES, Outcome, Problem
from app.science.baselines.media import MediaProblem
from workers import rivals
from workers.context import Context
from workers.effort import our_seconds, same_time
from workers.media.modality import (
    Training,
    inputs_of,
    medium,
    rows_of,
    targets_of,
    training_of,
)
from workers.phase import Phase

RIDGE = "ridge"
FEWEST, MOST = 16, 3_072
MEMORY_SHARE = 8
TIME_SHARE = 8
"""Of the job's time: ours may take half of it, and a curve and a second run follow."""


def run(context: Context) -> dict[str, Any]:
    """Leave each baseline's test predictions, seconds, size and curve."""
    assert isinstance(context.spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    problem, training = _problem(context), training_of(context)
    results: dict[str, Outcome] = {RIDGE: _ridge(context, training, problem)}
    if context.spec.baselines.sgd:
        of_job = context.spec.compute.max_wall_seconds / TIME_SHARE
        most_seconds = min(context.spec.baselines.max_wall_seconds, of_job)
        results |= _trained(context, problem, most_seconds)
    y = targets_of(context, "test")
    documents = {
        name: rivals.document(training.task, y, result) | {"latency_ms": None}
        for name, result in results.items()
    }
    predictions = {name: result.prediction_test for name, result in results.items()}
    context.write_arrays("predictions.safetensors", predictions)
    context.write_json("baseline.json", documents, public=True)
    return {
        name: {key: document[key] for key in ("validation_metric", "seconds_total")}
        for name, document in documents.items()
    }


def _problem(context: Context) -> MediaProblem:
    training = training_of(context)
    held = np.isin(
        rows_of(context, "fit"), context.read_arrays("split", "rows.safetensors")["validation"]
    )
    plan = context.read_json("architecture", "architecture.json")["plan"]
    return MediaProblem(
        task=training.task,
        n_classes=len(training.classes),
        inputs=training.inputs,
        y=training.y,
        train=np.flatnonzero(~held),
        validation=np.flatnonzero(held),
        test=inputs_of(context, "test"),
        **medium(context).modality.symmetries(plan),
    )


def _ridge(context: Context, training: Training, problem: MediaProblem) -> Outcome:
    vectors, most = medium(context).modality.vectors, _most(training)
    x = vectors(problem.inputs, most)
    found = BASELINES.get(RIDGE)().run(
        Problem(
            task=problem.task,
            n_classes=problem.n_classes,
            train_x=x[problem.train],
            train_y=problem.y[problem.train],
            validation_x=x[problem.validation],
            validation_y=problem.y[problem.validation],
            test_x=vectors(problem.test, most),
        ),
        seed=context.seed,
        budget_seconds=0.0,
    )
    return replace(found, settings={**found.settings, "numbers_of_a_row": x.shape[1]})


def _most(training: Training) -> int:
    """Numbers of a row, so that all rows take a share of the memory."""
    fitting = training.memory_bytes // MEMORY_SHARE // (8 * len(training.inputs))
    return max(FEWEST, min(MOST, fitting))


def _trained(context: Context, problem: MediaProblem, most_seconds: float) -> dict[str, Outcome]:
    """SGD in full, and with the seconds of ours where the limit grants as many."""
    name, ours = medium(context).modality.rival, our_seconds(context)

    def trained(budget_seconds: float, low: float, high: float) -> Outcome:
        return race.run(
            name,
            problem,
            seed=context.seed,
            budget_seconds=budget_seconds,
            device=context.device,
            tell=context.reporter(low, high),
        )

    full = trained(most_seconds, 0.0, 0.6)
    if full.seconds_total > ours:
        return {name: full, same_time(name): trained(ours, 0.6, 1.0)}
    if full.settings["ended"] == "time":
        return {name: full}
    return {name: full, same_time(name): full}


PLUGIN: Phase = run
