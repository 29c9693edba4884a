"""The linear model: ridge for values, multinomial logistic regression for classes."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.science.baselines.methods.ridge import Ridge
from benchmarks.mimicry_result import Cache, Competitor, Outcome
from benchmarks.mimicry_tables import BenchmarkProblem

INVERSE_PENALTIES = (0.01, 0.1, 1.0, 10.0)
MAX_STEPS = 300


class Linear:
    """See the module."""

    needs_time: ClassVar[bool] = True

    def configuration(self) -> Mapping[str, Any]:
        """The candidates of the logistic regression; ridge has its own."""
        return {"C": INVERSE_PENALTIES, "steps": MAX_STEPS}

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:  # noqa: ARG002 (nothing kept)
        """The penalty of least validation loss."""
        return _ridge(problem) if problem.task == "regression" else _logistic(problem)


def _ridge(problem: BenchmarkProblem) -> Outcome:
    found = Ridge().run(problem.baseline(), seed=problem.seed, budget_seconds=np.inf)
    return Outcome(
        prediction=found.prediction_test,
        validation_loss=found.validation_metric / problem.unit,
        seconds=found.seconds_total,
        settings=found.settings,
        n_parameters=found.n_parameters,
    )


def _logistic(problem: BenchmarkProblem) -> Outcome:
    start = time.perf_counter()
    rows = problem.baseline()
    center, scale = rows.train_x.mean(axis=0), rows.train_x.std(axis=0)
    scale[scale == 0.0] = 1.0
    train, held, test = (
        (x - center) / scale for x in (rows.train_x, rows.validation_x, rows.test_x)
    )
    outcomes = []
    for C in INVERSE_PENALTIES:  # noqa: N806 (the library's name)
        model = LogisticRegression(C=C, max_iter=MAX_STEPS).fit(train, rows.train_y)
        loss = problem.loss(rows.validation_y, model.predict_proba(held))
        outcomes.append((loss, C, model))
    loss, C, model = min(outcomes, key=lambda found: found[0])  # noqa: N806
    return Outcome(
        prediction=model.predict_proba(test),
        validation_loss=loss,
        seconds=time.perf_counter() - start,
        settings={"C": C},
        n_parameters=int(model.coef_.size + model.intercept_.size),
    )


PLUGIN: type[Competitor] = Linear
