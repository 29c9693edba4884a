"""Predictions as columns of a file: what the command line and the ``predict`` job write."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.science.evaluation import conformal
from app.science.evaluation.conformal import Conformal
from app.science.evaluation.decision import ClassWeights, decide
from app.science.relu_network.network import Task


class Model(Protocol):
    """What models of tables, of images and of point sets have in common."""

    @property
    def task(self) -> Task:
        """Regression, binary or multiclass."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Empty for a regression."""

    @property
    def class_weights(self) -> ClassWeights:
        """Costs of mistakes by class; empty where all are alike."""

    @property
    def conformal(self) -> Conformal:
        """What intervals and sets are made from."""

    def predict(self, rows: Any, /) -> NDArray[Any]:  # noqa: ANN401 - rows are the model's own kind
        """(n,) numbers or class names."""

    def predict_proba(self, rows: Any, /) -> NDArray[np.float64]:  # noqa: ANN401
        """(n, c)."""


def names(model: Model, level: float | None = None) -> list[str]:
    """The columns of ``table`` in their order."""
    if model.task == "regression":
        return ["prediction", *(("lower", "upper") if level else ())]
    probabilities = [f"probability_{name}" for name in model.classes]
    return ["prediction", *probabilities, *(("set",) if level else ())]


def table(model: Model, rows: Any, level: float | None = None) -> dict[str, list[Any]]:  # noqa: ANN401
    """Prediction and probabilities; with a ``level`` also an interval, or a set of class names.

    Raises
    ------
    InvalidRows
        A column is missing, or a cell has no meaning.
    NotCalibrated
        The model has no interval or set at this level.
    """
    if model.task == "regression":
        predictions = model.predict(rows)
        columns = [predictions.tolist()]
        if level:
            columns += model.conformal.interval(predictions, level).T.tolist()
    else:
        probabilities = model.predict_proba(rows)
        labels: NDArray[np.str_] = np.array(model.classes)
        chosen = decide(probabilities, model.class_weights)
        columns = [labels[chosen].tolist(), *probabilities.T.tolist()]
        if level:
            members = model.conformal.members(probabilities, level)
            columns.append(conformal.named(members, model.classes))
    return dict(zip(names(model, level), columns, strict=True))
