"""Pause, back-off, fair turns, known versions, and a stricter second lock on a job's moves.

Expands only: every new column has a default or may be null, so code of the revision before runs on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Text = sa.String(collation="C")
Timestamp = sa.DateTime(timezone=True)

# A copy of app.domain.jobs.MOVES as of this revision; a test compares the table with the code.
MOVES = {
    "queued": ("starting", "cancelled", "expired"),
    "starting": ("running", "queued", "cancelling", "failed"),
    "running": ("finalizing", "queued", "cancelling", "failed"),
    "finalizing": ("succeeded", "queued", "cancelling", "failed"),
    "cancelling": ("cancelled", "succeeded", "failed"),
}
EDGES = ", ".join(f"('{a}', '{b}')" for a, targets in MOVES.items() for b in targets)

# The second lock: even a hand-written UPDATE takes no job along an edge that is not in the table,
# changes none that has ended, and leaves no gap in its history.
FILL = f"INSERT INTO job_edge (source, target) VALUES {EDGES}"  # noqa: S608  (our own constants)
GUARD = """
DROP TRIGGER job_status_guard ON job;
DROP FUNCTION job_status_guard;
CREATE FUNCTION job_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND NOT EXISTS (
        SELECT FROM job_edge WHERE source = OLD.status AND target = NEW.status
    ) THEN
        RAISE EXCEPTION 'job % may not move from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    ELSIF NOT EXISTS (SELECT FROM job_edge WHERE source = OLD.status) THEN
        RAISE EXCEPTION 'job % has ended as % and may not change', OLD.id, OLD.status
            USING ERRCODE = 'check_violation';
    ELSIF NEW.seq - OLD.seq NOT IN (0, 1) OR (OLD.status <> NEW.status AND NEW.seq = OLD.seq) THEN
        RAISE EXCEPTION 'job % may not count its events from % to %', OLD.id, OLD.seq, NEW.seq
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_guard BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_guard();
"""

FORMER_GUARD = f"""
DROP TRIGGER job_guard ON job;
DROP FUNCTION job_guard;
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
    # Concurrently: writers do not wait for it, however many jobs there are. It comes first, outside
    # of the transaction that all else shares; a try that breaks off leaves an index to drop.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_job_waiting")
        op.create_index(
            "ix_job_waiting",
            "job",
            ["queue", "project_id", sa.literal_column("priority DESC"), "created_at", "id"],
            postgresql_where=sa.text("status = 'queued'"),
            postgresql_concurrently=True,
        )
    op.add_column(
        "job", sa.Column("spec_version", sa.Integer(), server_default="1", nullable=False)
    )
    op.add_column("job", sa.Column("paused_at", Timestamp, nullable=True))
    op.add_column("job", sa.Column("run_after", Timestamp, nullable=True))
    op.add_column(
        "job", sa.Column("capacity_failures", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("attempt", sa.Column("exit_reason", Text, nullable=True))
    op.add_column("attempt", sa.Column("log_excerpt", Text, nullable=True))
    op.add_column(
        "worker",
        sa.Column(
            "knows", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
    )
    op.create_table(
        "turn",
        sa.Column("queue", Text, nullable=False),
        sa.Column("project_id", Text, nullable=False),
        sa.Column("served_at", Timestamp, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_turn_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("queue", "project_id", name=op.f("pk_turn")),
    )
    op.create_table(
        "job_edge",
        sa.Column("source", Text, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.PrimaryKeyConstraint("source", "target", name=op.f("pk_job_edge")),
    )
    op.execute(FILL)
    op.execute(GUARD)
    op.drop_index("ix_job_queued", table_name="job")


def downgrade() -> None:
    op.create_index(
        "ix_job_queued",
        "job",
        ["queue", sa.literal_column("priority DESC"), "queued_at", "id"],
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.drop_index("ix_job_waiting", table_name="job")
    op.execute(FORMER_GUARD)
    op.drop_table("job_edge")
    op.drop_table("turn")
    op.drop_column("worker", "knows")
    op.drop_column("attempt", "log_excerpt")
    op.drop_column("attempt", "exit_reason")
    for name in ("capacity_failures", "run_after", "paused_at", "spec_version"):
        op.drop_column("job", name)
