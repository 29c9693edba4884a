"""A disk that is really full, under the store, the API and a worker."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import JobStatus
from app.services import blobs
from app.settings import settings
from app.storage.errors import DiskFull, StoreFull
from app.storage.store import open_store
from tests.integration import jobs as make
from workers import failures, supervisor

ROOM = 256 << 10
BODY = b"a,b\n" + b"1,2\n" * ROOM
ONLY_ROOT = "only root can make a disk of its own; run the tests as root to see them"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=ONLY_ROOT)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={ROOM},mode=0777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)  # noqa: S607
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607


@pytest.fixture
def full_store(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The service's store on that disk."""
    monkeypatch.setattr(settings, "store_url", (disk / "store").as_uri())
    blobs.store.cache_clear()
    yield disk / "store"
    blobs.store.cache_clear()


def upload(client: TestClient, content: bytes) -> "tuple[int, str, str]":
    """Status, code and ``Retry-After`` of an upload."""
    answer = client.put("/v1/datasets/d/content", content=content)
    body = answer.json()
    return answer.status_code, body.get("code", ""), answer.headers.get("Retry-After", "")


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_the_store_keeps_nothing_in_part(disk: Path, tmp_path: Path) -> None:
    store = open_store(disk.as_uri())
    with pytest.raises(StoreFull):
        store.put_bytes("big", bytes(2 * ROOM))

    assert files(disk) == []
    store.put_bytes("small", b"x")
    assert store.get_bytes("small", 1) == b"x"


def test_an_upload_that_the_store_has_no_room_for(client: TestClient, full_store: Path) -> None:
    assert upload(client, BODY) == (507, "store_full", "5")
    assert client.get("/v1/datasets").json()["data"] == []
    assert files(full_store) == []
    assert upload(client, b"a,b\n1,2\n")[0] == 202


def test_an_upload_that_the_machine_has_no_room_for(
    client: TestClient, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "scratch_dir", disk)

    assert upload(client, BODY) == (507, "disk_full", "5")

    assert files(disk) == []
    assert upload(client, b"a,b\n1,2\n")[0] == 202


def test_a_form_that_the_machine_has_no_room_for(
    client: TestClient, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework spools parts over 1 MB before any route is called."""
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    form = {"data": {"name": "d"}, "files": {"file": ("data.csv", bytes(2 << 20))}}

    answer = client.post("/v1/datasets", **form)

    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert answer.headers["Retry-After"]


def test_an_attempt_without_room_for_its_inputs_is_tried_again(
    caller: Caller, tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = make.upload(caller, tmp_path, BODY).job_id
    monkeypatch.setattr(settings, "scratch_dir", disk)

    supervisor.run(make.claim(job_id), threading.Event())

    job = make.read_job(caller, job_id)
    assert (job.status, job.crashes) == (JobStatus.QUEUED, 0)
    assert files(disk) == []


def test_an_attempt_without_room_for_its_results_is_tried_again(
    caller: Caller, tmp_path: Path, full_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PATIENCE_SECONDS", 0.0)
    rows = b"".join(b"%d,%d\n" % (i, i * i) for i in range(3000))
    job_id = make.upload(caller, tmp_path, b"a,b\n" + rows).job_id
    free = os.statvfs(full_store)
    (full_store / "rest").write_bytes(bytes(free.f_bavail * free.f_frsize - 8192))

    supervisor.run(make.claim(job_id), threading.Event())

    job = make.read_job(caller, job_id)
    assert (job.status, job.crashes) == (JobStatus.QUEUED, 0)
    (full_store / "rest").unlink()
    with transaction() as db:  # it waits for a while, drawn at random
        db.execute(text("UPDATE job SET run_after = NULL WHERE id = :id"), {"id": job_id})
    make.work_off(job_id)
    assert make.read_job(caller, job_id).status is JobStatus.SUCCEEDED


def test_a_phase_that_finds_the_disk_full_is_not_the_users_fault(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        (disk / "out").write_bytes(bytes(2 * ROOM))

    told = failures.explain(raised.value)

    assert (told["code"], told["owner"]) == (DiskFull.code, "capacity")
