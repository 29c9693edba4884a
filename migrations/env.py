"""Runs migrations over the service's own connection settings, beside a service that works.

A statement that would have to wait for a lock gives up after some seconds: those who queue up
behind it wait no longer than that. The migration can then be run again.
"""

from alembic import context
from sqlalchemy import NullPool, create_engine

from app.db import tables  # noqa: F401  (fills the metadata)
from app.db.base import metadata
from app.settings import settings

engine = create_engine(
    settings.database_url,
    poolclass=NullPool,
    connect_args={"connect_timeout": 3, "options": "-c lock_timeout=5000"},
)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
