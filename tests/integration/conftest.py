"""Fixtures over a real Postgres, a real broker and a real folder store.

Every test works in a project of its own, so that commits and notifications are real and tests
do not see each other's rows.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient

from app.db.queries import keys as key_queries
from app.db.session import engine, transaction
from app.domain.callers import SCOPES, Caller
from app.domain.ids import new_id
from app.embedded.servers import Endpoints
from app.main import create_app
from app.services import blobs, keys
from app.settings import settings

ROOT = Path(__file__).parents[2]


def alembic_config() -> Config:
    return Config(ROOT / "migrations" / "alembic.ini")


@pytest.fixture(scope="session")
def service(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """The settings point at the suite's own servers, and the schema is at head."""
    settings.database_url = servers.database_url
    settings.broker_url = servers.broker_url
    settings.store_url = f"file://{tmp_path_factory.mktemp('store')}"
    settings.scratch_dir = tmp_path_factory.mktemp("scratch")
    settings.log_json = True
    engine.cache_clear()
    blobs.store.cache_clear()
    command.upgrade(alembic_config(), "head")
    yield servers
    engine().dispose()


@pytest.fixture
def secret(service: Endpoints) -> str:
    """An admin key of a fresh project."""
    return new_key(*SCOPES)


def new_key(*scopes: str) -> str:
    """A key of a fresh project."""
    with transaction() as db:
        project_id = key_queries.ensure_project(db, new_id("test"))
        _, secret = keys.create(db, project_id, "test", scopes)
    return secret


@pytest.fixture
def caller(secret: str) -> Caller:
    """The holder of the key."""
    with transaction() as db:
        return keys.authenticate(db, secret)


@pytest.fixture
def client(secret: str) -> Iterator[TestClient]:
    """The application with its listener running, called with the project's key."""
    headers = {"Authorization": f"Bearer {secret}"}
    with TestClient(create_app(), headers=headers, raise_server_exceptions=False) as client:
        yield client
