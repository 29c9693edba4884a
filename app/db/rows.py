"""Rows as the frozen values of ``app.domain``."""

from typing import Any

from sqlalchemy import RowMapping, Table

from app.db import tables
from app.domain.audit import AuditEntry
from app.domain.datasets import DatasetStatus, DatasetVersion
from app.domain.jobs import Event, Job, JobStatus, PhaseOutput
from app.domain.models import ModelVersion
from app.domain.webhooks import Delivery, DeliveryStatus, Webhook


def columns(table: Table, value: type) -> list[Any]:
    """The table's columns that the dataclass ``value`` has fields for."""
    return [table.c[name] for name in value.__dataclass_fields__]  # type: ignore[attr-defined]


JOB = columns(tables.job, Job)
EVENT = columns(tables.event, Event)
PHASE_OUTPUT = columns(tables.phase_output, PhaseOutput)
DATASET_VERSION = columns(tables.dataset_version, DatasetVersion)
MODEL_VERSION = columns(tables.model_version, ModelVersion)
WEBHOOK = columns(tables.webhook, Webhook)
WEBHOOK_DELIVERY = columns(tables.webhook_delivery, Delivery)
AUDIT_ENTRY = columns(tables.audit_entry, AuditEntry)


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


def webhook(row: RowMapping) -> Webhook:
    """A row of ``webhook``, without its secrets."""
    return Webhook(**row)


def webhook_delivery(row: RowMapping) -> Delivery:
    """A row of ``webhook_delivery``."""
    return Delivery(**{**row, "status": DeliveryStatus(row["status"])})


def audit_entry(row: RowMapping) -> AuditEntry:
    """A row of ``audit_entry``."""
    return AuditEntry(**row)
