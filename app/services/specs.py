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
from app.domain.kind import JobSpec
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.tabular import Features, TabularSpec

MIN_ROWS = {"train": 50, "benchmark": 50, "advise": 50, "analyze": 50, "predict": 1}
MEDIA = ("image", "points")
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
        _check_features(spec.features, dataset)


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


def _check_features(features: Features, dataset: DatasetVersion) -> None:
    """Tables are supported; a column of images or points must be left out by the caller."""
    read = set(features.include or [column["name"] for column in dataset.columns])
    read -= set(features.exclude)
    for column in dataset.columns:
        if column["name"] in read and column["type"] in MEDIA:
            kind = "images" if column["type"] == "image" else "point sets"
            message = f"column {column['name']!r} holds {kind}"
            raise FeaturesNotSupported(
                f"{message}: only tables are supported so far",
                remedy=f"exclude it with features.exclude: [{column['name']!r}], and the rest of "
                "the table is used",
                errors=[{"pointer": "/features", "message": message}],
            )


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
