"""Which blobs there are, and who uses them. Files of before keep their keys and have no row."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.String(collation="C")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("project_id", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", MOMENT, nullable=True),
        sa.Column("pending_since", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_blob_project_id"),
        sa.PrimaryKeyConstraint("key", name="pk_blob"),
        sa.UniqueConstraint("project_id", "sha256", name="uq_blob_project_id_sha256"),
    )
    op.create_table(
        "blob_use",
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["key"], ["blob.key"], name="fk_blob_use_key"),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_blob_use"),
    )
    op.create_index("ix_blob_use_key", "blob_use", ["key"])


def downgrade() -> None:
    op.drop_table("blob_use")
    op.drop_table("blob")
