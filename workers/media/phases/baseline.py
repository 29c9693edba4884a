"""Phase ``baseline``: ridge on plain numbers of the same rows, the linear model to beat.

Trees and multilayer perceptrons read columns of a table; none is trained here.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from app.science.baselines.baseline import BASELINES, Problem
from workers.context import Context
from workers.media.modality import Training, inputs_of, medium, rows_of, training_of
from workers.phase import Phase

NAME = "ridge"
FEWEST, MOST = 16, 3_072
MEMORY_SHARE = 8


def run(context: Context) -> dict[str, Any]:
    """Leave the baseline's test predictions, seconds and size."""
    problem = _problem(context)
    found = BASELINES.get(NAME)().run(problem, seed=context.seed, budget_seconds=0.0)
    document = {
        "validation_metric": found.validation_metric,
        "seconds_total": found.seconds_total,
        "seconds_final": found.seconds_final,
        "n_parameters": found.n_parameters,
        "settings": {**found.settings, "numbers_of_a_row": problem.train_x.shape[1]},
        "curve": [asdict(point) for point in found.curve],
        "test_curve": [],
        "latency_ms": None,
    }
    context.write_arrays("predictions.safetensors", {NAME: found.prediction_test})
    context.write_json("baseline.json", {NAME: document}, public=True)
    return {NAME: {key: document[key] for key in ("validation_metric", "seconds_total")}}


def _problem(context: Context) -> Problem:
    training, vectors = training_of(context), medium(context).modality.vectors
    most = _most(training)
    x = vectors(training.inputs, most)
    places = np.searchsorted(
        rows_of(context, "fit"), context.read_arrays("split", "rows.safetensors")["validation"]
    )
    held = np.zeros(len(x), dtype=np.bool_)
    held[places] = True
    return Problem(
        task=training.task,
        n_classes=len(training.classes),
        train_x=x[~held],
        train_y=training.y[~held],
        validation_x=x[held],
        validation_y=training.y[held],
        test_x=vectors(inputs_of(context, "test"), most),
    )


def _most(training: Training) -> int:
    """Numbers of a row, so that all rows take a share of the memory."""
    fitting = training.memory_bytes // MEMORY_SHARE // (8 * len(training.inputs))
    return max(FEWEST, min(MOST, fitting))


PLUGIN: Phase = run
