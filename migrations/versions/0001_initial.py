"""All tables of version 1, and the trigger that knows a job's legal moves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A copy of app.domain.jobs.MOVES as of this revision; a test compares the two.
MOVES = {
    "queued": ("starting", "cancelled", "expired"),
    "starting": ("running", "queued", "cancelling", "failed"),
    "running": ("finalizing", "queued", "cancelling", "failed"),
    "finalizing": ("succeeded", "queued", "cancelling", "failed"),
    "cancelling": ("cancelled", "succeeded", "failed"),
}
EDGES = ", ".join(f"('{a}', '{b}')" for a, targets in MOVES.items() for b in targets)

# The second lock: even a hand-written UPDATE cannot take a job along an edge that is not there.
GUARD = f"""
CREATE FUNCTION job_status_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN ({EDGES}) THEN
        RAISE EXCEPTION 'job % may not move from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_status_guard BEFORE UPDATE OF status ON job FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION job_status_guard();
"""


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("key", sa.String(collation="C"), nullable=False),
        sa.Column("fingerprint", sa.String(collation="C"), nullable=False),
        sa.Column("resource_id", sa.String(collation="C"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(collation="C"), nullable=False),
        sa.Column("queue", sa.String(collation="C"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("name", name=op.f("uq_project_name")),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("queue", sa.String(collation="C"), nullable=False),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("secret_sha256", sa.String(collation="C"), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(collation="C")), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_api_key_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_index(op.f("ix_api_key_project_id"), "api_key", ["project_id"], unique=False)
    op.create_table(
        "dataset",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("latest_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_dataset_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_dataset_project_id_name")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(collation="C"), nullable=False),
        sa.Column("queue", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=True),
        sa.Column(
            "labels", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("spec_hash", sa.String(collation="C"), nullable=False),
        sa.Column("dataset_version_id", sa.String(collation="C"), nullable=True),
        sa.Column("status", sa.String(collation="C"), server_default="queued", nullable=False),
        sa.Column("phase", sa.String(collation="C"), nullable=True),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("seed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("max_wall_seconds", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(collation="C"), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hinted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("model_version_id", sa.String(collation="C"), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'starting', 'running', 'finalizing', 'cancelling', "
            "'succeeded', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_job_status_known"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_job_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index(
        "ix_job_by_status",
        "job",
        [
            "project_id",
            "status",
            sa.literal_column("created_at DESC"),
            sa.literal_column("id DESC"),
        ],
        unique=False,
    )
    op.create_index(
        "ix_job_leased",
        "job",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status IN ('cancelling', 'finalizing', 'running', 'starting')"),
    )
    op.create_index(
        "ix_job_list",
        "job",
        ["project_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_job_queued",
        "job",
        ["queue", sa.literal_column("priority DESC"), "queued_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("latest_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_model_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_model_project_id_name")),
    )
    op.create_table(
        "attempt",
        sa.Column("job_id", sa.String(collation="C"), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(collation="C"), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(collation="C"), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_attempt_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "fencing_token", name=op.f("pk_attempt")),
    )
    op.create_table(
        "dataset_version",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("dataset_id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(collation="C"), server_default="parsing", nullable=False),
        sa.Column("job_id", sa.String(collation="C"), nullable=False),
        sa.Column("filename", sa.String(collation="C"), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(collation="C"), nullable=False),
        sa.Column("raw_key", sa.String(collation="C"), nullable=False),
        sa.Column(
            "corrections",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("format", sa.String(collation="C"), nullable=True),
        sa.Column("logical_hash", sa.String(collation="C"), nullable=True),
        sa.Column("n_rows", sa.BigInteger(), nullable=True),
        sa.Column(
            "columns", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column(
            "problems", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column(
            "profile", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "files", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('parsing', 'ready', 'invalid')",
            name=op.f("ck_dataset_version_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
            name=op.f("fk_dataset_version_dataset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_version")),
        sa.UniqueConstraint(
            "dataset_id", "version", name=op.f("uq_dataset_version_dataset_id_version")
        ),
    )
    op.create_index(
        "ix_dataset_version_list",
        "dataset_version",
        ["project_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "event",
        sa.Column("job_id", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(collation="C"), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_event_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_event")),
    )
    op.create_table(
        "model_version",
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("project_id", sa.String(collation="C"), nullable=False),
        sa.Column("model_id", sa.String(collation="C"), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(collation="C"), nullable=False),
        sa.Column("dataset_version_id", sa.String(collation="C"), nullable=True),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_model_version_model_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_version")),
        sa.UniqueConstraint("job_id", name=op.f("uq_model_version_job_id")),
        sa.UniqueConstraint("model_id", "version", name=op.f("uq_model_version_model_id_version")),
    )
    op.create_index(
        "ix_model_version_list",
        "model_version",
        ["project_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "phase_output",
        sa.Column("job_id", sa.String(collation="C"), nullable=False),
        sa.Column("phase", sa.String(collation="C"), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column(
            "files", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "headline", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_phase_output_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "phase", name=op.f("pk_phase_output")),
    )
    op.execute(GUARD)


def downgrade() -> None:
    op.execute("DROP TRIGGER job_status_guard ON job; DROP FUNCTION job_status_guard")
    op.drop_table("phase_output")
    op.drop_index("ix_model_version_list", table_name="model_version")
    op.drop_table("model_version")
    op.drop_table("event")
    op.drop_index("ix_dataset_version_list", table_name="dataset_version")
    op.drop_table("dataset_version")
    op.drop_table("attempt")
    op.drop_table("model")
    op.drop_index("ix_job_queued", table_name="job", postgresql_where=sa.text("status = 'queued'"))
    op.drop_index("ix_job_list", table_name="job")
    op.drop_index(
        "ix_job_leased",
        table_name="job",
        postgresql_where=sa.text("status IN ('cancelling', 'finalizing', 'running', 'starting')"),
    )
    op.drop_index("ix_job_by_status", table_name="job")
    op.drop_table("job")
    op.drop_table("dataset")
    op.drop_index(op.f("ix_api_key_project_id"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("worker")
    op.drop_table("project")
    op.drop_table("outbox")
    op.drop_table("idempotency_key")
