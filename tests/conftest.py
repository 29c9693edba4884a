"""Fixtures for every test. What needs a server starts only when a test asks for it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # side by side, threads of one would wait for the other's
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from app.embedded.servers import Endpoints


@pytest.fixture(scope="session")
def servers() -> "Iterator[Endpoints]":
    """A throw-away PostgreSQL and Valkey for the whole run, or those of the environment.

    ``TEST_DATABASE_URL`` and ``TEST_REDIS_URL`` name servers that already run; both or none.
    """
    from app.embedded.servers import Endpoints, Servers  # noqa: PLC0415  (not for unit tests)

    database_url, broker_url = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if bool(database_url) != bool(broker_url):
        pytest.fail("set both TEST_DATABASE_URL and TEST_REDIS_URL, or none")
    if database_url and broker_url:
        yield Endpoints(database_url, broker_url, postgres_pid=0, valkey_pid=0, created=False)
        return
    with (
        tempfile.TemporaryDirectory(prefix="adaptnet-tests-") as folder,
        Servers(Path(folder) / "home", durable=False) as endpoints,
    ):
        yield endpoints
