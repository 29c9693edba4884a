"""Predictions as columns of a file: what the command line and the ``predict`` job write."""

from typing import Any

from app.science.evaluation import conformal
from app.science.export.columns import Rows
from app.science.export.runtime import LoadedModel


def names(model: LoadedModel, level: float | None = None) -> list[str]:
    """The columns of ``table`` in their order."""
    if model.network.task == "regression":
        return ["prediction", *(("lower", "upper") if level else ())]
    probabilities = [f"probability_{name}" for name in model.network.classes]
    return ["prediction", *probabilities, *(("set",) if level else ())]


def table(model: LoadedModel, rows: Rows, level: float | None = None) -> dict[str, list[Any]]:
    """Prediction and probabilities; with a ``level`` also an interval, or a set of class names.

    Raises
    ------
    InvalidRows
        A column is missing, or a cell has no meaning.
    NotCalibrated
        The model has no interval or set at this level.
    """
    predictions = model.predict(rows)
    columns = [predictions.tolist()]
    if model.network.task != "regression":
        probabilities = model.predict_proba(rows)
        columns += probabilities.T.tolist()
        if level:
            members = model.conformal.members(probabilities, level)
            columns.append(conformal.named(members, model.network.classes))
    elif level:
        columns += model.conformal.interval(predictions, level).T.tolist()
    return dict(zip(names(model, level), columns, strict=True))
