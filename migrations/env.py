"""Runs migrations over the service's own connection settings."""

from alembic import context

from app.db import tables  # noqa: F401  (fills the metadata)
from app.db.base import metadata
from app.db.session import engine

with engine().connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
