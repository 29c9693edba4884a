"""A wide window, so that no sentence is broken, and a scripted service."""

from collections.abc import Iterator

import pytest

from tests.unit.client.service import Service, running


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with running() as scripted:
        monkeypatch.setenv("ADAPTNET_URL", scripted.url)
        monkeypatch.setenv("ADAPTNET_KEY", "ank_test")
        yield scripted
