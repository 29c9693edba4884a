"""Does a job's body fit the data that it names? Asked before anything is queued."""

from app.domain.datasets import DatasetStatus, DatasetVersion
from app.domain.errors import (
    ColumnNotFound,
    DatasetInvalid,
    DatasetNotReady,
    FeaturesNotSupported,
    SpecInvalid,
    TargetNotUsable,
    TooFewRows,
)
from app.domain.features import MEDIA, media_columns
from app.domain.kind import JobSpec
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.tabular import TabularSpec

MIN_ROWS = {"train": 50, "benchmark": 50, "advise": 50, "analyze": 50, "predict": 1}
MEDIA_KINDS = ("train", "analyze")
OF_TABLES = ("architecture", "corrections", "fine_tune")
UNUSABLE = ("constant", "empty", "text", "identifier", *MEDIA)


def check(spec: JobSpec, dataset: DatasetVersion) -> None:
    """Raise the first reason why this job cannot run on this dataset."""
    _check_status(dataset)
    known = [column["name"] for column in dataset.columns]
    for pointer, column in spec.column_names().items():
        if column not in known:
            raise ColumnNotFound(column, known, pointer)
    needed = MIN_ROWS.get(spec.kind, 1)
    if (dataset.n_rows or 0) < needed:
        raise TooFewRows(
            f"a {spec.kind} job needs at least {needed} rows, {dataset.name}@{dataset.version} "
            f"has {dataset.n_rows}",
            remedy="upload more rows",
        )
    if isinstance(spec, TabularSpec):
        _check_target(spec, dataset)
    if isinstance(spec, TabularSpec | AnalyzeSpec):
        _check_media(spec, dataset)


def _check_status(dataset: DatasetVersion) -> None:
    reference = f"{dataset.name}@{dataset.version}"
    if dataset.status is DatasetStatus.PARSING:
        raise DatasetNotReady(
            f"dataset {reference} is still being parsed",
            remedy=f"ask GET /v1/datasets/{reference}?wait=30 and then again",
        )
    if dataset.status is DatasetStatus.INVALID:
        raise DatasetInvalid(
            f"dataset {reference} could not be read",
            remedy=f"see GET /v1/datasets/{reference}/validation, repair the file, upload again",
            problems=dataset.problems[:3],
        )


def _check_media(spec: AnalyzeSpec | TabularSpec, dataset: DatasetVersion) -> None:
    """A job reads a table, or one column of images or of point sets: not several, nor both."""
    found = media_columns(spec, dataset.columns)
    if not found:
        return
    column, noun = found[0]["name"], MEDIA[found[0]["type"]]
    rest = f"read the rest of the table with features.exclude: [{column!r}]"
    if spec.kind not in MEDIA_KINDS:
        raise _not_supported(
            f"column {column!r} holds {noun}, which {spec.kind} cannot read",
            f"ask for {' or '.join(MEDIA_KINDS)}, or {rest}",
        )
    others = {*spec.features.include, *(c["name"] for c in found)} - {column}
    if others:
        raise _not_supported(
            f"{noun} are read alone, and {', '.join(map(repr, sorted(others)))} would be read too",
            f"read them with features.include: [{column!r}], or {rest}",
        )
    if isinstance(spec, TabularSpec):
        _check_options(spec, noun)


def _check_options(spec: TabularSpec, noun: str) -> None:
    """Options that would be ignored are refused; ``architecture.pooling`` has a meaning here."""
    asked = {name: getattr(spec, name) for name in OF_TABLES if name in type(spec).model_fields}
    asked["architecture"] = spec.architecture.model_copy(update={"pooling": None})
    for name, value in asked.items():
        if value != type(spec).model_fields[name].default:
            raise _not_supported(
                f"{name!r} is for tables and has no meaning for {noun}", "leave it out", f"/{name}"
            )
    if spec.target.class_weights is not None:
        raise _not_supported(
            f"models of {noun} name the most probable class, whatever mistakes cost",
            "leave it out and weigh the probabilities that the model gives",
            "/target/class_weights",
        )


def _not_supported(what: str, remedy: str, pointer: str = "/features") -> FeaturesNotSupported:
    errors = [{"pointer": pointer, "message": what}]
    return FeaturesNotSupported(what, remedy=remedy, errors=errors)


def _check_target(spec: TabularSpec, dataset: DatasetVersion) -> None:
    target = spec.target.column
    kind = next(c["type"] for c in dataset.columns if c["name"] == target)
    if kind in UNUSABLE:
        raise TargetNotUsable(
            f"target {target!r} is {kind}: there is nothing to learn from it",
            remedy="name a numeric column or one with a few classes; correct a wrong guess "
            f"with PATCH /v1/datasets/{dataset.name}",
            errors=[{"pointer": "/target/column", "message": f"the column is {kind}"}],
        )
    if target in spec.features.include or target in spec.features.exclude:
        raise SpecInvalid(
            f"the target {target!r} stands among the features",
            remedy="leave it out: the target is never a feature",
            errors=[{"pointer": "/features", "message": "holds the target"}],
        )
