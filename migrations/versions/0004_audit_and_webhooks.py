"""The audit log, webhooks with their deliveries, and the request that a job came with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

# For each statement, so that TRUNCATE is refused as well.
APPEND_ONLY = """
CREATE FUNCTION audit_entry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entry_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_guard();
"""


def upgrade() -> None:
    op.create_index("ix_event_recent", "event", ["created_at"], postgresql_using="brin")
    op.add_column("job", _text("request_id", nullable=True))
    op.create_table(
        "audit_entry",
        _text("id"),
        _text("project_id"),
        _text("key_id", nullable=True),
        _text("action"),
        _text("resource"),
        _text("outcome"),
        _text("request_id", nullable=True),
        _now("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_list", "audit_entry", ["project_id", *NEWEST_FIRST])
    op.execute(APPEND_ONLY)
    op.create_table(
        "webhook",
        _text("id"),
        _text("project_id"),
        _text("url"),
        _text("description", nullable=True),
        sa.Column("events", postgresql.ARRAY(sa.String(collation="C")), nullable=False),
        _text("secret"),
        _text("old_secret", nullable=True),
        _time("old_secret_until"),
        _time("disabled_at"),
        _text("disabled_reason", nullable=True),
        _count("failures", sa.Integer()),
        _time("failing_since"),
        _count("n_delivered", sa.BigInteger()),
        _count("n_failed", sa.BigInteger()),
        _time("paused_until"),
        _time("lease_until"),
        _count("fencing_token", sa.BigInteger()),
        _now("created_at"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_webhook_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index("ix_webhook_list", "webhook", ["project_id", *NEWEST_FIRST])
    op.create_table(
        "webhook_delivery",
        _text("id"),
        _text("project_id"),
        _text("webhook_id"),
        _text("event_id"),
        _text("event_type"),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.String(collation="C"), server_default="pending", nullable=False),
        _count("tries", sa.Integer()),
        _now("next_try_at"),
        _time("last_try_at"),
        sa.Column("response_status", sa.Integer(), nullable=True),
        _text("error", nullable=True),
        _now("created_at"),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed')",
            name=op.f("ck_webhook_delivery_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name=op.f("fk_webhook_delivery_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint(
            "webhook_id", "event_id", name=op.f("uq_webhook_delivery_webhook_id_event_id")
        ),
    )
    op.create_index("ix_webhook_delivery_list", "webhook_delivery", ["webhook_id", *NEWEST_FIRST])
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["webhook_id", "next_try_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")
    op.drop_table("audit_entry")
    op.execute("DROP FUNCTION audit_entry_guard")
    op.drop_column("job", "request_id")
    op.drop_index("ix_event_recent", table_name="event")


NEWEST_FIRST = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(collation="C"), nullable=nullable)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _count(name: str, kind: sa.types.TypeEngine[int]) -> sa.Column[int]:
    return sa.Column(name, kind, server_default="0", nullable=False)
