"""Files in the store: stored once, used by rows, swept when nobody does, never served damaged."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.ids import new_id
from app.services import blobs, sweeper
from app.settings import settings
from app.storage import checksums
from app.storage.errors import BlobNotFound, ChecksumMismatch, StoreUnavailable
from tests.integration import jobs as make
from workers import workspace

Put = Callable[[bytes], dict[str, Any]]


@pytest.fixture
def put(caller: Caller, tmp_path: Path) -> Put:
    """Store bytes for the caller's project."""

    def store(content: bytes) -> dict[str, Any]:
        path = tmp_path / new_id("f")
        path.write_bytes(content)
        return blobs.put(caller.project_id, path, checksums.of_bytes(content))

    return store


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "sweep_grace_seconds", 0.0)


def use(owner: str, *files: dict[str, Any]) -> None:
    with transaction() as db:
        blobs.use(db, owner, files)


def damage(file: dict[str, Any], content: bytes = b"other") -> None:
    blobs.store().put_bytes(file["key"], content)


def there(file: dict[str, Any]) -> bool:
    return blobs.store().head(file["key"]) is not None


def test_equal_files_of_a_project_are_stored_once(put: Put, caller: Caller) -> None:
    first, again, other = put(b"same"), put(b"same"), put(b"other")

    assert first == again
    assert other["key"] != first["key"]
    stored = [blob.key for blob in blobs.store().list(f"blobs/{caller.project_id}")]
    assert sorted(stored) == sorted([first["key"], other["key"]])


def test_projects_share_nothing(put: Put, caller: Caller, tmp_path: Path) -> None:
    other = make_project()
    path = tmp_path / "same"
    path.write_bytes(b"same")

    assert blobs.put(other, path, checksums.of_bytes(b"same"))["key"] != put(b"same")["key"]


def make_project() -> str:
    from app.db.queries import keys  # noqa: PLC0415

    with transaction() as db:
        return keys.ensure_project(db, new_id("test"))


def test_a_file_that_changed_since_it_was_hashed_is_not_stored(
    caller: Caller, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"now")
    with pytest.raises(ChecksumMismatch):
        blobs.put(caller.project_id, path, checksums.of_bytes(b"before"))

    assert not list(blobs.store().list(f"blobs/{caller.project_id}"))


@pytest.mark.usefixtures("no_grace")
def test_a_sweep_takes_what_nobody_uses_and_nothing_else(put: Put) -> None:
    used, orphan = put(b"used"), put(b"orphan")
    use("somebody", used)

    dry = sweeper.run(dry_run=True)
    assert dry is not None
    assert dry.orphans >= 1
    assert there(orphan)
    sweeper.run()

    assert there(used)
    assert not there(orphan)
    again = sweeper.run()
    assert again is not None
    assert (again.orphans, again.rowless) == (0, 0)


def test_what_was_announced_lately_is_left_alone(put: Put) -> None:
    file = put(b"soon used")

    sweeper.run()

    use("somebody", file)
    assert there(file)


@pytest.mark.usefixtures("no_grace")
def test_a_writer_that_comes_too_late_is_told_so(put: Put) -> None:
    file = put(b"late")
    sweeper.run()

    with pytest.raises(StoreUnavailable, match="swept"):
        use("somebody", file)

    again = put(b"late")
    assert again["key"] != file["key"]  # a key that is gone never comes back
    use("somebody", again)
    assert blobs.read(again, 100) == b"late"


@pytest.mark.usefixtures("no_grace")
def test_bytes_of_a_writer_that_was_swept_before_it_wrote_go_too(put: Put) -> None:
    file = put(b"zombie")
    sweeper.run()
    damage(file, b"zombie")

    swept = sweeper.run()

    assert swept is not None
    assert swept.rowless == 1
    assert not there(file)


@pytest.mark.usefixtures("no_grace")
def test_files_of_projects_that_the_database_does_not_know_are_left_alone() -> None:
    blobs.store().put_bytes("blobs/prj_of_another_service/ab/x", b"x")

    sweeper.run()

    assert blobs.store().head("blobs/prj_of_another_service/ab/x") == 1


def test_only_one_process_sweeps(put: Put) -> None:
    from app.db.session import exclusive  # noqa: PLC0415

    with exclusive(sweeper.LOCK) as alone:
        assert alone
        assert sweeper.run() is None


@pytest.mark.usefixtures("no_grace")
def test_no_file_is_missing_however_writers_and_sweepers_meet(put: Put) -> None:
    """Writers store, use and let go of the same few contents while two sweeps never pause."""
    stopped = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        sweeps = [pool.submit(sweep_until, stopped) for _ in range(2)]
        writers = [pool.submit(use_and_let_go, put, f"writer {i}") for i in range(4)]
        used = sum(writer.result() for writer in writers)
        stopped.set()
        swept = sum(sweep.result() for sweep in sweeps)
    assert used
    assert swept


def sweep_until(stopped: threading.Event) -> int:
    swept = 0
    while not stopped.is_set():
        swept += sweeper._orphans(dry_run=False).orphans
    return swept


def use_and_let_go(put: Put, owner: str) -> int:
    used = 0
    for round_ in range(25):
        file = put(f"shared {round_ % 3}".encode())
        try:
            use(owner, file)
        except StoreUnavailable:
            continue  # swept before it was used, and told so
        assert blobs.read(file, 100)
        used += 1
        with transaction() as db:
            blobs.release(db, owner)
    return used


@pytest.mark.usefixtures("no_grace")
def test_a_deleted_dataset_gives_up_its_files_but_not_those_that_another_has(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    kept, gone = (make.upload(caller, tmp_path, name=name) for name in ("kept", "gone"))
    assert kept.raw_key == gone.raw_key
    make.work_off(gone.job_id)

    freed = client.delete("/v1/datasets/gone").json()["bytes_freed"]

    assert freed > 0
    assert client.get(f"/v1/jobs/{gone.job_id}/artifacts").json() == {"data": []}
    assert blobs.store().head(kept.raw_key) == kept.size_bytes
    assert [b.key for b in blobs.store().list(f"blobs/{caller.project_id}")] == [kept.raw_key]
    make.work_off(kept.job_id)
    assert client.get("/v1/datasets/kept").json()["status"] == "ready"


def test_a_damaged_file_is_healed_by_its_content(put: Put, tmp_path: Path) -> None:
    file = put(b"precious")
    use("somebody", file)
    damage(file)
    before = blobs.DAMAGED._value.get()

    with pytest.raises(ChecksumMismatch):
        blobs.read(file, 100)
    with pytest.raises(ChecksumMismatch):
        blobs.fetch(file, tmp_path / "copy")

    assert blobs.DAMAGED._value.get() == before + 2
    assert not (tmp_path / "copy").exists()
    assert put(b"precious") == file
    assert blobs.read(file, 100) == b"precious"


def test_a_lost_file_is_healed_by_its_content(put: Put) -> None:
    file = put(b"precious")
    use("somebody", file)
    blobs.store().delete(file["key"])

    assert put(b"precious") == file
    assert blobs.read(file, 100) == b"precious"


@pytest.mark.parametrize(("start", "end"), [(0, 5 << 20), (3, 9), (1 << 20, 3 << 20), (7, 7)])
def test_a_stream_is_cut_out_of_the_checked_whole(put: Put, start: int, end: int) -> None:
    content = bytes(range(256)) * (5 << 12)
    file = put(content)

    assert b"".join(blobs.stream(file, start, end)) == content[start:end]

    damage(file, content[:-1] + b"!")
    got = 0
    with pytest.raises(ChecksumMismatch):  # noqa: PT012  (it is the reading that raises)
        for piece in blobs.stream(file, start, end):
            got += len(piece)
    assert got < max(end - start, 1)


def test_a_missing_file_is_reported_before_the_first_piece(put: Put) -> None:
    file = put(b"gone")
    blobs.store().delete(file["key"])

    with pytest.raises(BlobNotFound):
        blobs.stream(file, 0, 4)


def test_files_of_before_are_read_and_deleted_with_their_dataset(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    version = make.upload(caller, tmp_path)
    with transaction() as db:
        blobs.release(db, version.id)
        db.execute(
            text("UPDATE dataset_version SET raw_key = :key WHERE id = :id"),
            {"key": f"datasets/{version.id}/raw", "id": version.id},
        )
    blobs.store().put_bytes(f"datasets/{version.id}/raw", make.CSV.encode())

    make.work_off(version.job_id)
    corrected = client.patch("/v1/datasets/d", json={"columns": {"x": "categorical"}}).json()
    make.work_off(corrected["links"]["parse_job"].rpartition("/")[2])

    assert client.get("/v1/datasets/d").json()["status"] == "ready"
    client.delete("/v1/datasets/d")
    assert blobs.store().head(f"datasets/{version.id}/raw") is None


def test_folders_of_dead_attempts_are_removed_and_no_others(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "scratch_dir", tmp_path)
    alive = make.claim(make.upload(caller, tmp_path, name="a").job_id)
    queued = make.upload(caller, tmp_path, name="b").job_id
    folders = {
        "of the running attempt": f"{alive.id}-{alive.fencing_token}-x1_y",
        "of an earlier one": f"{alive.id}-{alive.fencing_token - 1}-x",
        "of a job that waits again": f"{queued}-0-x",
        "of another service": f"{new_id('job')}-1-x",
    }
    for name in folders.values():
        (tmp_path / name / "inputs").mkdir(parents=True)

    assert workspace.remove_leftovers() == 2

    left = {what for what, name in folders.items() if (tmp_path / name).exists()}
    assert left == {"of the running attempt", "of another service"}
