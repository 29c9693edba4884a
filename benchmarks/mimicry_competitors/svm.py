"""Support vectors by scikit-learn, where training has at most 10,000 rows.

Two classes: the decision value becomes a probability by a logistic regression on validation rows.
More: one machine a class against the rest, and a softmax whose temperature those rows set.

Source: Platt 1999, "Probabilistic outputs for support vector machines". Differs from the paper:
held-out rows instead of cross-validation.
"""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import Any, ClassVar

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC, SVR

from app.science.baselines.baseline import Problem
from benchmarks.mimicry_calibration import tempered
from benchmarks.mimicry_result import Cache, Competitor, NotRun, Outcome
from benchmarks.mimicry_tables import BenchmarkProblem, Floats

MAX_ROWS = 10_000
C_VALUES = (1.0, 10.0, 100.0)
GAMMAS = (0.1, 0.3, 1.0, 4.0)
"""Times 1 / p, on standardized columns."""
EPSILON = 0.05
MAX_STEPS = 1_000_000
CACHE_MB = 500

Setting = tuple[float, float]
"""C and gamma."""
Parts = tuple[Floats, Floats, Floats]
"""Training, validation and test rows."""
Fitted = tuple[Floats, Floats, int]
"""Validation and test predictions, and how many vectors support them."""


class SupportVectors:
    """See the module."""

    needs_time: ClassVar[bool] = False

    def configuration(self) -> Mapping[str, Any]:
        """The candidates."""
        return {"C": C_VALUES, "gamma": GAMMAS, "epsilon": EPSILON, "tempered": True}

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:  # noqa: ARG002 (nothing kept)
        """The pair of C and gamma of least validation loss."""
        if len(problem.fit) > MAX_ROWS:
            raise NotRun(f"{len(problem.fit)} training rows, more than {MAX_ROWS}")
        candidates = product(C_VALUES, GAMMAS)
        outcomes = [_fit(problem, C, gamma) for C, gamma in candidates]
        return min(outcomes, key=lambda outcome: outcome.validation_loss)


def _fit(problem: BenchmarkProblem, C: float, gamma: float) -> Outcome:  # noqa: N803 (the library's name)
    start = time.perf_counter()
    rows = problem.baseline()
    parts = _standardized(rows)
    setting = (C, gamma / parts[0].shape[1])
    held_prediction, test_prediction, n_vectors = LEARN[problem.task](problem, setting, parts)
    return Outcome(
        prediction=test_prediction,
        validation_loss=problem.loss(rows.validation_y, held_prediction),
        seconds=time.perf_counter() - start,
        settings={"C": C, "gamma_p": gamma, "vectors": n_vectors},
        n_parameters=n_vectors * (parts[0].shape[1] + 1),
    )


def _values(problem: BenchmarkProblem, setting: Setting, parts: Parts) -> Fitted:
    train, held, test = parts
    y = problem.rest_y[problem.fit]
    center, scale = y.mean(), y.std()
    model = SVR(
        C=setting[0], gamma=setting[1], epsilon=EPSILON, max_iter=MAX_STEPS, cache_size=CACHE_MB
    )
    with _quiet():
        model.fit(train, (y - center) / scale)
    held_found, test_found = (model.predict(x) * scale + center for x in (held, test))
    return held_found, test_found, len(model.support_)


def _two_classes(problem: BenchmarkProblem, setting: Setting, parts: Parts) -> Fitted:
    train, held, test = parts
    with _quiet():
        model = _machine(setting).fit(train, problem.rest_y[problem.fit])
    scores = [model.decision_function(x)[:, None] for x in (held, test)]
    platt = LogisticRegression().fit(scores[0], problem.rest_y[problem.held])
    held_found, test_found = (platt.predict_proba(score) for score in scores)
    return held_found, test_found, len(model.support_)


def _many_classes(problem: BenchmarkProblem, setting: Setting, parts: Parts) -> Fitted:
    train, held, test = parts
    with _quiet():
        model = OneVsRestClassifier(_machine(setting)).fit(train, problem.rest_y[problem.fit])
    held_scores, test_scores = (model.decision_function(x) for x in (held, test))
    held_found, test_found = tempered(problem, held_scores, test_scores)
    return held_found, test_found, sum(len(machine.support_) for machine in model.estimators_)


LEARN = {"regression": _values, "binary": _two_classes, "multiclass": _many_classes}


def _machine(setting: Setting) -> SVC:
    return SVC(C=setting[0], gamma=setting[1], max_iter=MAX_STEPS, cache_size=CACHE_MB)


@contextmanager
def _quiet() -> Iterator[None]:
    """A fit that reaches ``MAX_STEPS`` is a candidate like any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _standardized(rows: Problem) -> Parts:
    center, scale = rows.train_x.mean(axis=0), rows.train_x.std(axis=0)
    scale[scale == 0.0] = 1.0
    train, held, test = (
        (x - center) / scale for x in (rows.train_x, rows.validation_x, rows.test_x)
    )
    return train, held, test


PLUGIN: type[Competitor] = SupportVectors
