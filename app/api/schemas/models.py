"""Bodies and answers about models."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.kinds.predict import Level
from app.domain.models import ModelVersion
from app.services.models import reads_media

Cell = float | str | bool | None


class ModelFile(BaseModel):
    """One download format."""

    filename: str
    size: int
    sha256: str
    link: str


class ModelOut(BaseModel):
    """One trained network."""

    id: str
    name: str
    version: int
    reference: str
    job: str
    dataset_version: str | None
    summary: dict[str, Any] = Field(description="Task, columns, errors, size: the card in short")
    files: dict[str, ModelFile]
    created_at: datetime
    links: dict[str, str]


class PredictIn(BaseModel):
    """Rows to predict: column names and one list a row, or a list of objects."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"columns": ["age", "city"], "rows": [[41, "Tokyo"]]}]},
    )

    columns: Annotated[list[str], Field(max_length=5000)] = []
    rows: Annotated[list[list[Cell] | dict[str, Cell]], Field(min_length=1)]
    interval: Level | None = Field(
        default=None, description="Level of `intervals`, or of `sets` for a classification"
    )

    @model_validator(mode="after")
    def _rectangular(self) -> "PredictIn":
        for index, row in enumerate(self.rows):
            if isinstance(row, list) and len(row) != len(self.columns):
                raise ValueError(
                    f"row {index} has {len(row)} cells for {len(self.columns)} columns"
                )
        return self

    def by_column(self) -> dict[str, list[Any]]:
        """The rows as the reader wants them."""
        records = [
            dict(zip(self.columns, row, strict=True)) if isinstance(row, list) else row
            for row in self.rows
        ]
        names = list(dict.fromkeys(name for record in records for name in record))
        return {name: [record.get(name) for record in records] for name in names}


class PredictOut(BaseModel):
    """Predictions in the order of the rows."""

    model: str
    predictions: list[Any]
    classes: list[str] | None = None
    probabilities: list[list[float]] | None = None
    intervals: list[tuple[float, float]] | None = Field(
        default=None, description="Lower and upper end for each row"
    )
    sets: list[list[str]] | None = Field(default=None, description="Classes for each row")


def model_out(version: ModelVersion) -> ModelOut:
    """A model version as callers see it."""
    here = f"/v1/models/{version.name}/versions/{version.version}"
    return ModelOut(
        id=version.id,
        name=version.name,
        version=version.version,
        reference=f"{version.name}@{version.version}",
        job=version.job_id,
        dataset_version=version.dataset_version_id,
        summary=version.summary,
        files={
            name: ModelFile(
                filename=file["filename"],
                size=file["size"],
                sha256=file["sha256"],
                link=f"{here}/download?format={name}",
            )
            for name, file in version.files.items()
        },
        created_at=version.created_at,
        links={
            "self": here,
            "download": f"{here}/download",
            **({"jobs": "/v1/jobs"} if reads_media(version) else {"predict": f"{here}/predict"}),
            "versions": f"/v1/models/{version.name}/versions",
            "job": f"/v1/jobs/{version.job_id}",
        },
    )
