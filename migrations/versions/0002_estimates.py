"""What a job was expected to cost beside what it did, and the memory that each phase reached."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("estimate", postgresql.JSONB(), nullable=True))
    op.add_column("job", sa.Column("usage", postgresql.JSONB(), nullable=True))
    op.add_column("phase_output", sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("phase_output", "peak_memory_bytes")
    op.drop_column("job", "usage")
    op.drop_column("job", "estimate")
