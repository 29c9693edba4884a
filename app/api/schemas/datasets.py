"""Bodies and answers about datasets."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.datasets import DatasetStatus, DatasetVersion
from app.domain.kind import ColumnName

ColumnType = Literal["number", "boolean", "datetime", "categorical", "text", "identifier"]


class DatasetOut(BaseModel):
    """One immutable version of a dataset."""

    id: str
    name: str
    version: int
    reference: str = Field(description="Use this in a job's body")
    status: DatasetStatus
    filename: str
    format: str | None
    size_bytes: int
    sha256: str = Field(description="Of the uploaded bytes")
    logical_hash: str | None = Field(description="Of the table, whatever its file format")
    n_rows: int | None
    columns: list[dict[str, Any]] = Field(description="Name, guessed type and the reason")
    problems: list[dict[str, Any]] = Field(description="At most 20; all at `links.validation`")
    created_at: datetime
    ready_at: datetime | None
    links: dict[str, str]


class CorrectionsIn(BaseModel):
    """Types of columns that were guessed wrongly. Makes a new version over the same bytes."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"columns": {"zip": "categorical"}}]}
    )

    columns: Annotated[dict[ColumnName, ColumnType], Field(min_length=1, max_length=2000)]


class ValidationOut(BaseModel):
    """What was wrong with the file: row, column, what to do."""

    status: DatasetStatus
    problems: list[dict[str, Any]]


class DeletionOut(BaseModel):
    """What was deleted."""

    name: str
    versions: int
    bytes_freed: int


def dataset_out(version: DatasetVersion) -> DatasetOut:
    """A dataset version as callers see it."""
    reference = f"{version.name}@{version.version}"
    here = f"/v1/datasets/{reference}"
    return DatasetOut(
        id=version.id,
        name=version.name,
        version=version.version,
        reference=reference,
        status=version.status,
        filename=version.filename,
        format=version.format,
        size_bytes=version.size_bytes,
        sha256=version.sha256,
        logical_hash=version.logical_hash,
        n_rows=version.n_rows,
        columns=version.columns,
        problems=version.problems[:20],
        created_at=version.created_at,
        ready_at=version.ready_at,
        links={
            "self": here,
            "profile": f"{here}/profile",
            "validation": f"{here}/validation",
            "versions": f"/v1/datasets/{version.name}/versions",
            "parse_job": f"/v1/jobs/{version.job_id}",
            "train": "/v1/jobs",
        },
    )
