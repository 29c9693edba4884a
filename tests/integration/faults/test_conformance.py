"""The service keeps to its OpenAPI document, whatever it is sent; a short run of the benchmark.

Two projects, two keys: the one sees its own things, the other nothing of them.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from app.db.session import transaction
from app.domain.callers import SCOPES, Caller
from app.domain.kinds.analyze import AnalyzeSpec
from app.embedded.servers import free_port
from app.main import create_app
from app.services import jobs as job_service
from benchmarks import faults_schema
from tests.integration import jobs as make
from tests.integration.conftest import new_key

PHASES = "examples,fuzzing,stateful"


@pytest.fixture
def url(secret: str) -> Iterator[str]:
    """A live server of this process's application."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def places(caller: Caller, tmp_path: Path) -> faults_schema.Places:
    """A table and a job that was cancelled."""
    make.work_off(make.upload(caller, tmp_path, name="schema").job_id)
    with transaction() as db:
        job, _ = job_service.submit(db, caller, AnalyzeSpec(dataset="schema"))
        job_service.cancel(db, caller, job.id)
    known = {
        "datasets.name": ["schema"],
        "datasets.reference": ["schema", "schema@1"],
        "job_id": [job.id],
    }
    return faults_schema.Places(known, [job.id, caller.project_id, caller.key_id])


@pytest.mark.parametrize("name", ["owner", "other project"])
def test_the_document_is_kept(
    url: str, secret: str, places: faults_schema.Places, name: str
) -> None:
    key = secret if name == "owner" else new_key(*SCOPES)

    found = faults_schema.examine(url, name, key, places, examples=2, phases=PHASES)

    assert found.operations >= 30, found.output
    assert found.failures == {}, found.output
