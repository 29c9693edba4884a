"""Rows as the frozen values of ``app.domain``."""

from typing import Any

from sqlalchemy import RowMapping, Table

from app.db import tables
from app.domain.datasets import DatasetStatus, DatasetVersion
from app.domain.jobs import Event, Job, JobStatus, PhaseOutput
from app.domain.models import ModelVersion


def columns(table: Table, value: type) -> list[Any]:
    """The table's columns that the dataclass ``value`` has fields for."""
    return [table.c[name] for name in value.__dataclass_fields__]  # type: ignore[attr-defined]


JOB = columns(tables.job, Job)
EVENT = columns(tables.event, Event)
PHASE_OUTPUT = columns(tables.phase_output, PhaseOutput)
DATASET_VERSION = columns(tables.dataset_version, DatasetVersion)
MODEL_VERSION = columns(tables.model_version, ModelVersion)


def job(row: RowMapping) -> Job:
    """A row of ``job``."""
    return Job(**{**row, "status": JobStatus(row["status"])})


def event(row: RowMapping) -> Event:
    """A row of ``event``."""
    return Event(**row)


def phase_output(row: RowMapping) -> PhaseOutput:
    """A row of ``phase_output``."""
    return PhaseOutput(**row)


def dataset_version(row: RowMapping) -> DatasetVersion:
    """A row of ``dataset_version``."""
    return DatasetVersion(**{**row, "status": DatasetStatus(row["status"])})


def model_version(row: RowMapping) -> ModelVersion:
    """A row of ``model_version``."""
    return ModelVersion(**row)
