"""Migrations make exactly the tables that the code describes, there and back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.db import tables
from app.db.base import metadata
from app.db.session import engine
from app.embedded.servers import Endpoints
from app.services.health import HEAD
from app.settings import settings
from tests.integration.conftest import alembic_config


def test_the_schema_at_head_is_the_one_in_the_code(service: Endpoints) -> None:
    assert tables.job.metadata is metadata
    with engine().connect() as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []


def test_there_is_one_head_and_the_health_check_knows_it() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_down_and_up_again_on_an_empty_database(service: Endpoints) -> None:
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("CREATE DATABASE migrations_test"))
    engine().dispose()
    kept = settings.database_url
    settings.database_url = f"{kept.rpartition('/')[0]}/migrations_test"
    engine.cache_clear()
    try:
        command.upgrade(alembic_config(), "head")
        command.downgrade(alembic_config(), "base")
        command.upgrade(alembic_config(), "head")
    finally:
        engine().dispose()
        settings.database_url = kept
        engine.cache_clear()
