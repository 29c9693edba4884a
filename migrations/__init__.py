"""Schema migrations: ``python -m alembic -c migrations/alembic.ini upgrade head``."""
