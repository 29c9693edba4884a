"""What callers do with models: list, read, download, predict."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from app.db.queries import models
from app.domain.callers import Caller
from app.domain.datasets import DatasetVersion, parse_reference
from app.domain.errors import (
    ColumnNotFound,
    FeaturesNotSupported,
    FormatNotAvailable,
    IntervalNotAvailable,
    NotFound,
    RowsInvalid,
)
from app.domain.features import MEDIA
from app.domain.models import ModelVersion
from app.science.errors import ScienceError
from app.science.evaluation import conformal
from app.science.export import runtime
from app.services import blobs

MAX_PACKAGE_BYTES = 256 << 20


def get(db: Connection, caller: Caller, reference: str) -> ModelVersion:
    """A version by ``name``, ``name@2`` or ``name@latest``; ``NotFound`` names the nearest."""
    found = models.find(db, caller.project_id, parse_reference(reference))
    if found is None:
        raise NotFound("model", reference, models.names(db, caller.project_id))
    return found


def versions(db: Connection, caller: Caller, name: str) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    found = models.versions(db, caller.project_id, name)
    if not found:
        raise NotFound("model", name, models.names(db, caller.project_id))
    return found


def page(
    db: Connection, caller: Caller, after: tuple[datetime, str] | None, limit: int
) -> list[ModelVersion]:
    """Versions, newest first."""
    return models.page(db, caller.project_id, after=after, limit=limit)


def file(version: ModelVersion, file_format: str) -> dict[str, Any]:
    """Key, size, SHA-256 and file name of one download format."""
    if file_format not in version.files:
        raise FormatNotAvailable(
            f"{version.name}@{version.version} has no format {file_format!r}",
            remedy=f"choose one of {', '.join(sorted(version.files))}",
        )
    found: dict[str, Any] = version.files[file_format]
    return found


def check_columns(version: ModelVersion, dataset: DatasetVersion) -> None:
    """Every column that the model reads must be in the dataset, images as images."""
    known = {column["name"]: column["type"] for column in dataset.columns}
    for column in version.summary["columns"]:
        name, wanted = column["name"], column["kind"]
        if name not in known:
            raise ColumnNotFound(name, list(known), "/dataset")
        if wanted != known[name] and MEDIA.keys() & {wanted, known[name]}:
            raise _other_kind(f"column {name!r} is {known[name]}, the model reads {wanted}")
        if wanted == "points":
            _check_points(version, dataset, name)


def _check_points(version: ModelVersion, dataset: DatasetVersion, name: str) -> None:
    profile = next(c for c in dataset.profile["columns"] if c["name"] == name)
    found, wanted = profile.get("dim"), version.summary["reading"]["columns"]
    if found != wanted:
        raise _other_kind(f"points of {name!r} have {found} numbers, the model reads {wanted}")


def _other_kind(what: str) -> FeaturesNotSupported:
    return FeaturesNotSupported(
        what,
        remedy="upload data like those that the model was trained on",
        errors=[{"pointer": "/dataset", "message": what}],
    )


def reads_media(version: ModelVersion) -> str | None:
    """``images`` or ``point sets``; None for a model of tables, which takes rows as JSON."""
    kinds = {column["kind"] for column in version.summary.get("columns", ())} & MEDIA.keys()
    return MEDIA[kinds.pop()] if kinds else None


def check_interval(version: ModelVersion, level: float | None) -> None:
    """The model must have been calibrated up to the level, where one is asked for."""
    known = version.summary.get("uncertainty") or {}
    highest = known.get("max_level")
    if level is None or (highest is not None and level <= highest):
        return
    reason = known.get("reason") or "it was trained before models had intervals"
    raise IntervalNotAvailable(
        f"{version.name}@{version.version} has no intervals or sets at level {level:g}: {reason}",
        remedy=f"ask for a level up to {highest:g}" if highest else "ask without 'interval'",
        errors=[{"pointer": "/interval", "message": "cannot be had from this model"}],
    )


def predict(
    version: ModelVersion, columns: dict[str, list[Any]], level: float | None = None
) -> dict[str, Any]:
    """Predictions for rows given column by column, by the same reader that teams download."""
    check_interval(version, level)
    media = reads_media(version)
    if media:
        raise RowsInvalid(
            f"{version.name} reads {media}, which cannot be sent as rows",
            remedy="upload them as a dataset and create a job of kind 'predict', or download the "
            "package and run: adaptnet predict",
        )
    model = _loaded(version.files["package"]["key"], version.files["package"]["sha256"])
    try:
        return _answer(model, columns, level)
    except ScienceError as error:
        raise RowsInvalid(
            str(error), remedy=f"see the model's columns at GET /v1/models/{version.name}"
        ) from error


def _answer(
    model: runtime.LoadedModel, columns: dict[str, list[Any]], level: float | None
) -> dict[str, Any]:
    predictions, classes = model.predict(columns), model.network.classes
    answer: dict[str, Any] = {"predictions": predictions.tolist()}
    if classes:
        probabilities = model.predict_proba(columns)
        answer |= {"classes": list(classes), "probabilities": probabilities.tolist()}
        if level is not None:
            members = model.conformal.members(probabilities, level)
            answer["sets"] = conformal.named(members, classes)
    elif level is not None:
        answer["intervals"] = model.conformal.interval(predictions, level).tolist()
    return answer


@lru_cache(maxsize=8)
def _loaded(key: str, sha256: str) -> runtime.LoadedModel:
    return runtime.load(blobs.read({"key": key, "sha256": sha256}, MAX_PACKAGE_BYTES))
