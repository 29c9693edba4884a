"""A file that rotted in the store is an error with a name, never a wrong file."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.client import Client
from app.client.errors import ApiError
from app.client.transport import Patience
from app.db.queries import moves
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import JobStatus
from app.embedded.servers import free_port
from app.main import create_app
from app.services import blobs
from app.storage import checksums
from tests.integration import jobs as make

BIG = os.urandom(3 << 20)
SMALL = b"a few bytes"


@pytest.fixture
def url(secret: str) -> Iterator[str]:
    """A live server of this process's application: breaking off needs a real connection."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def job_id(caller: Caller, tmp_path: Path) -> str:
    """A running job with two artifacts, both damaged in the store."""
    job = make.claim(make.upload(caller, tmp_path).job_id)
    files: dict[str, Any] = {}
    for name, content in (("big", BIG), ("small", SMALL)):
        (tmp_path / name).write_bytes(content)
        files[f"public/{name}"] = blobs.put(
            caller.project_id, tmp_path / name, checksums.of_bytes(content)
        )
        blobs.store().put_bytes(files[f"public/{name}"]["key"], content[:-1] + b"!")
    output = {"files": files, "headline": {}, "seconds": 0.1}
    with transaction() as db:
        moves.complete_phase(db, job.id, job.fencing_token, "ingest", output)
    return job.id


def test_a_download_of_a_damaged_file_never_ends_well(
    url: str, secret: str, job_id: str, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {secret}"}
    place = f"{url}/v1/jobs/{job_id}/artifacts"

    small = httpx.get(f"{place}/small", headers=headers)
    assert (small.status_code, small.json()["code"]) == (500, "checksum_mismatch")
    for more in ({}, {"Range": "bytes=0-1999999"}):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{place}/big", headers={**headers, **more})
    with (
        Client(url, secret, patience=Patience(attempts=2, first_seconds=0.0)) as client,
        pytest.raises(ApiError, match="checksum_mismatch"),
    ):
        client.jobs.get(job_id).download_artifact("big", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    metrics = httpx.get(f"{url}/metrics").text
    assert "adaptnet_damaged_blobs_total 0.0" not in metrics
    assert "adaptnet_damaged_blobs_total" in metrics


def test_an_attempt_does_not_compute_with_a_damaged_input(caller: Caller, tmp_path: Path) -> None:
    version = make.upload(caller, tmp_path)
    blobs.store().put_bytes(version.raw_key, b"other,bytes\n1,2\n")

    make.work_off(version.job_id)

    assert make.read_job(caller, version.job_id).status is not JobStatus.SUCCEEDED
    assert "job.phase_started" not in make.events_of(caller, version.job_id)
    make.upload(caller, tmp_path)  # the same bytes again: the file is whole again
    make.work_off(version.job_id)
    assert make.read_job(caller, version.job_id).status is JobStatus.SUCCEEDED
