"""A scripted service and a client that does not like to wait."""

from collections.abc import Iterator

import pytest

from app.client import Client, Patience
from tests.unit.client.service import Service, running

KEY = "ank_test"


@pytest.fixture
def service() -> Iterator[Service]:
    with running() as scripted:
        yield scripted


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    patience = Patience(attempts=3, first_seconds=0.001, longest_seconds=0.01)
    with Client(service.url, KEY, patience=patience) as found:
        yield found
