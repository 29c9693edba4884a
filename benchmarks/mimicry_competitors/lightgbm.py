"""LightGBM with early stopping, as it is usually used: raw numbers and categories as codes.

Where a table has categories the encoded matrix competes on validation rows too, since a category of
thousands of levels is better served by target encodings.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import lightgbm as lgb
import numpy as np
import torch
from numpy.typing import NDArray

from app.science.encoding.encoding import Columns
from benchmarks.mimicry_result import Cache, Competitor, Outcome
from benchmarks.mimicry_tables import BenchmarkProblem, Floats

LEAVES = (31, 15, 127)
LEARNING_RATE, MAX_ROUNDS, PATIENCE = 0.05, 2000, 50
OBJECTIVES = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}


class LightGbm:
    """See the module."""

    needs_time: ClassVar[bool] = True

    def configuration(self) -> Mapping[str, Any]:
        """The candidates."""
        return {
            "leaves": LEAVES,
            "learning_rate": LEARNING_RATE,
            "rounds": MAX_ROUNDS,
            "patience": PATIENCE,
        }

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:  # noqa: ARG002 (nothing kept)
        """The candidate of least validation loss."""
        outcomes = [
            _fit(problem, inputs, n_leaves) for inputs in _inputs(problem) for n_leaves in LEAVES
        ]
        return min(outcomes, key=lambda outcome: outcome.validation_loss)


@dataclass(frozen=True)
class _Inputs:
    """One way to show the table. ``categories`` : numbers of the columns that hold codes."""

    name: str
    rest: Floats
    test: Floats
    categories: tuple[int, ...]


def _inputs(problem: BenchmarkProblem) -> Iterator[_Inputs]:
    names = [column.name for column in problem.encoding.columns]
    texts = [name for name in names if problem.roles[name] == "categorical"]
    levels = {name: _levels(problem.rest_columns[name]) for name in texts}
    yield _Inputs(
        "raw",
        _codes(problem.rest_columns, names, levels),
        _codes(problem.test_columns, names, levels),
        tuple(names.index(name) for name in texts),
    )
    if texts:
        yield _Inputs("encoded", problem.rest_x, problem.test_x, ())


def _levels(values: NDArray[Any]) -> dict[Any, int]:
    present = sorted({value for value in values if value is not None})
    return {level: code for code, level in enumerate(present)}


def _codes(columns: Columns, names: list[str], levels: Mapping[str, dict[Any, int]]) -> Floats:
    """(n, p), a category as its code, or NaN where it is unknown or missing."""
    parts = [
        np.array([levels[name].get(value, np.nan) for value in columns[name]])
        if name in levels
        else np.asarray(columns[name], dtype=np.float64)
        for name in names
    ]
    return np.stack(parts, axis=1)


def _fit(problem: BenchmarkProblem, inputs: _Inputs, n_leaves: int) -> Outcome:
    start = time.perf_counter()
    options = {
        "objective": OBJECTIVES[problem.task],
        "num_leaves": n_leaves,
        "learning_rate": LEARNING_RATE,
        "num_threads": torch.get_num_threads(),
        "seed": problem.seed,
        "verbosity": -1,
    }
    if problem.task == "multiclass":
        options["num_class"] = len(problem.classes)
    parts = [
        lgb.Dataset(
            inputs.rest[rows],
            problem.rest_y[rows],
            categorical_feature=list(inputs.categories),
            free_raw_data=False,
        )
        for rows in (problem.fit, problem.held)
    ]
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    model = lgb.train(options, parts[0], MAX_ROUNDS, valid_sets=parts[1:], callbacks=[stop])
    seconds = time.perf_counter() - start
    held = _predict(problem, model, inputs.rest[problem.held])
    return Outcome(
        prediction=_predict(problem, model, inputs.test),
        validation_loss=problem.loss(problem.rest_y[problem.held], held),
        seconds=seconds,
        settings={"leaves": n_leaves, "inputs": inputs.name, "rounds": model.best_iteration},
    )


def _predict(problem: BenchmarkProblem, model: lgb.Booster, x: Floats) -> Floats:
    found: Floats = np.asarray(model.predict(x), dtype=np.float64)
    return np.stack([1.0 - found, found], axis=1) if problem.task == "binary" else found


PLUGIN: type[Competitor] = LightGbm
