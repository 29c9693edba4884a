"""One server in a process of its own for all tests that need one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.embedded.servers import Endpoints
from tests.integration.server import Served, serving

PINGING = "import fastapi.routing; fastapi.routing._PING_INTERVAL = 0.05"


@dataclass(frozen=True)
class Logged:
    """A server, and where it writes its log."""

    served: Served
    log: Path


@pytest.fixture(scope="session")
def live(service: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """Keeps idle streams open by a comment every 0.05 s instead of 15."""
    log = tmp_path_factory.mktemp("live") / "log.txt"
    with serving(log, before=PINGING) as served:
        yield Logged(served, log)
