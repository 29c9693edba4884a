"""All tables. Core, not the ORM: on the hot routes the ORM cost three to five times as much."""

from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    UniqueConstraint,
    func,
    text,
)

from app.db.base import Big, Json, Text, Timestamp, created_at, identity, metadata, required_json
from app.domain.datasets import DatasetStatus
from app.domain.jobs import LEASED, JobStatus
from app.domain.webhooks import DeliveryStatus


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


project = Table(
    "project",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    created_at(),
)

api_key = Table(
    "api_key",
    metadata,
    identity(),
    Column("project_id", Text, ForeignKey("project.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("secret_sha256", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    created_at(),
    Column("expires_at", Timestamp),
    Column("revoked_at", Timestamp),
    Column("last_used_at", Timestamp),
)

dataset = Table(
    "dataset",
    metadata,
    identity(),
    Column("project_id", Text, ForeignKey("project.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("latest_version", Integer, nullable=False, server_default="0"),
    created_at(),
    UniqueConstraint("project_id", "name"),
)

dataset_version = Table(
    "dataset_version",
    metadata,
    identity(),
    Column("project_id", Text, nullable=False),
    Column("dataset_id", Text, ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False, server_default=DatasetStatus.PARSING),
    Column("job_id", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("size_bytes", Big, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("raw_key", Text, nullable=False),
    required_json("corrections", "{}"),
    Column("format", Text),
    Column("logical_hash", Text),
    Column("n_rows", Big),
    required_json("columns", "[]"),
    required_json("problems", "[]"),
    required_json("profile", "{}"),
    required_json("files", "{}"),
    created_at(),
    Column("ready_at", Timestamp),
    UniqueConstraint("dataset_id", "version"),
    Index("ix_dataset_version_list", "project_id", text("created_at DESC"), text("id DESC")),
    _one_of("status", DatasetStatus),
)

# ``lease_until`` is in no index: heartbeats then stay HOT updates (the fillfactor leaves room).
job = Table(
    "job",
    metadata,
    identity(),
    Column("project_id", Text, ForeignKey("project.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("name", Text),
    Column("request_id", Text),
    required_json("labels", "{}"),
    Column("spec", Json, nullable=False),
    Column("spec_hash", Text, nullable=False),
    Column("dataset_version_id", Text),
    Column("status", Text, nullable=False, server_default=JobStatus.QUEUED),
    Column("phase", Text),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("seed", Integer, nullable=False, server_default="0"),
    Column("seq", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False),
    Column("fencing_token", Big, nullable=False, server_default="0"),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("max_wall_seconds", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", Timestamp),
    Column("hinted_at", Timestamp),
    Column("cancel_requested_at", Timestamp),
    Column("error", Json),
    Column("result", Json),
    Column("estimate", Json),
    Column("usage", Json),
    Column("model_version_id", Text),
    created_at(),
    Column("queued_at", Timestamp, nullable=False, server_default=func.now()),
    Column("started_at", Timestamp),
    Column("finished_at", Timestamp),
    Column("expires_at", Timestamp),
    _one_of("status", JobStatus),
    Index("ix_job_list", "project_id", text("created_at DESC"), text("id DESC")),
    Index("ix_job_by_status", "project_id", "status", text("created_at DESC"), text("id DESC")),
    Index(
        "ix_job_queued",
        "queue",
        text("priority DESC"),
        "queued_at",
        "id",
        postgresql_where=text("status = 'queued'"),
    ),
    Index(
        "ix_job_leased",
        "id",
        postgresql_where=text(f"status IN ({', '.join(repr(str(s)) for s in sorted(LEASED))})"),
    ),
    postgresql_with={"fillfactor": "85"},
)

event = Table(
    "event",
    metadata,
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    required_json("data", "{}"),
    created_at(),
    # Rows come in the order of time and never change: ranges of pages tell the recent ones.
    Index("ix_event_recent", "created_at", postgresql_using="brin"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("fencing_token", Big, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", Timestamp, nullable=False, server_default=func.now()),
    Column("ended_at", Timestamp),
    Column("outcome", Text),
    Column("detail", Json),
)

phase_output = Table(
    "phase_output",
    metadata,
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("phase", Text, primary_key=True),
    Column("fencing_token", Big, nullable=False),
    required_json("files", "{}"),
    required_json("headline", "{}"),
    Column("seconds", Double, nullable=False),
    Column("peak_memory_bytes", Big),
    Column("finished_at", Timestamp, nullable=False, server_default=func.now()),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("job_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    created_at(),
)

model = Table(
    "model",
    metadata,
    identity(),
    Column("project_id", Text, ForeignKey("project.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("latest_version", Integer, nullable=False, server_default="0"),
    created_at(),
    UniqueConstraint("project_id", "name"),
)

model_version = Table(
    "model_version",
    metadata,
    identity(),
    Column("project_id", Text, nullable=False),
    Column("model_id", Text, ForeignKey("model.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # One job makes one model, whatever happens to its attempts.
    Column("job_id", Text, nullable=False, unique=True),
    Column("dataset_version_id", Text),
    Column("files", Json, nullable=False),
    Column("summary", Json, nullable=False),
    created_at(),
    UniqueConstraint("model_id", "version"),
    Index("ix_model_version_list", "project_id", text("created_at DESC"), text("id DESC")),
)

# Leased as a whole: one receiver gets one delivery at a time, whoever sends.
webhook = Table(
    "webhook",
    metadata,
    identity(),
    Column("project_id", Text, ForeignKey("project.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("events", ARRAY(Text), nullable=False),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_secret_until", Timestamp),
    Column("disabled_at", Timestamp),
    Column("disabled_reason", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", Timestamp),
    Column("n_delivered", Big, nullable=False, server_default="0"),
    Column("n_failed", Big, nullable=False, server_default="0"),
    Column("paused_until", Timestamp),
    Column("lease_until", Timestamp),
    Column("fencing_token", Big, nullable=False, server_default="0"),
    created_at(),
    Index("ix_webhook_list", "project_id", text("created_at DESC"), text("id DESC")),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    identity(),
    Column("project_id", Text, nullable=False),
    Column("webhook_id", Text, ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("status", Text, nullable=False, server_default=DeliveryStatus.PENDING),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Timestamp, nullable=False, server_default=func.now()),
    Column("last_try_at", Timestamp),
    Column("response_status", Integer),
    Column("error", Text),
    created_at(),
    UniqueConstraint("webhook_id", "event_id"),
    Index("ix_webhook_delivery_list", "webhook_id", text("created_at DESC"), text("id DESC")),
    Index(
        "ix_webhook_delivery_due",
        "webhook_id",
        "next_try_at",
        postgresql_where=text("status = 'pending'"),
    ),
    _one_of("status", DeliveryStatus),
)

# Append-only: a trigger refuses every other statement. No foreign key, so it outlives its project.
audit_entry = Table(
    "audit_entry",
    metadata,
    identity(),
    Column("project_id", Text, nullable=False),
    Column("key_id", Text),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text),
    created_at(),
    Index("ix_audit_entry_list", "project_id", text("created_at DESC"), text("id DESC")),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    created_at(),
)

worker = Table(
    "worker",
    metadata,
    Column("name", Text, primary_key=True),
    Column("queue", Text, nullable=False),
    Column("seen_at", Timestamp, nullable=False, server_default=func.now()),
)
