"""One set of tests, two stores: a local folder, and S3 over HTTP against a real server process."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app.storage import checksums
from app.storage.errors import (
    BlobNotFound,
    BlobTooLarge,
    ChecksumMismatch,
    StoreFull,
    StoreUnavailable,
)
from app.storage.store import Store, open_store

BIG = os.urandom(7 << 20)  # two parts of a multipart upload


@dataclass(frozen=True)
class Options:
    s3_endpoint: str | None
    s3_region: str = "us-east-1"
    s3_access_key: str | None = "test-key"
    s3_secret_key: str | None = "test-secret"


@pytest.fixture(scope="module")
def s3_options() -> Iterator[Options]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = Options(f"http://{host}:{port}")
    boto3.client(
        "s3",
        endpoint_url=options.s3_endpoint,
        region_name=options.s3_region,
        aws_access_key_id=options.s3_access_key,
        aws_secret_access_key=options.s3_secret_key,
    ).create_bucket(Bucket="blobs")
    yield options
    server.stop()


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return open_store((tmp_path / "a store").as_uri())
    options: Options = request.getfixturevalue("s3_options")
    return open_store(f"s3://blobs/{tmp_path.name}", options)


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(BIG)
    return path


def test_bytes_come_back_and_are_replaced(store: Store) -> None:
    store.put_bytes("a/b.json", b"one")
    store.put_bytes("a/b.json", b"three")
    assert store.get_bytes("a/b.json", max_bytes=5) == b"three"
    assert store.head("a/b.json") == 5


def test_an_empty_blob_is_a_blob(store: Store, tmp_path: Path) -> None:
    store.put_bytes("empty", b"")
    assert store.head("empty") == 0
    assert store.get_bytes("empty", max_bytes=0) == b""
    assert store.download("empty", tmp_path / "out") == checksums.of_bytes(b"")


def test_a_large_file_is_stored_and_downloaded_whole(
    store: Store, big_file: Path, tmp_path: Path
) -> None:
    store.put_file("jobs/j1/a1/model.bin", big_file, checksums.of_bytes(BIG))
    target = tmp_path / "out"
    digest = store.download("jobs/j1/a1/model.bin", target, sha256=checksums.of_file(big_file))
    assert digest == checksums.of_bytes(BIG)
    assert target.read_bytes() == BIG


def test_a_wrong_checksum_leaves_no_file(store: Store, tmp_path: Path) -> None:
    store.put_bytes("x", b"data")
    folder = tmp_path / "empty folder"
    folder.mkdir()
    with pytest.raises(ChecksumMismatch, match="wanted sha256"):
        store.download("x", folder / "out", sha256="0" * 64)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (0, 1), (5, None), (None, 9), (1 << 20, 3 << 20), (len(BIG) - 3, len(BIG) + 9)],
)
def test_ranges(store: Store, big_file: Path, start: int | None, end: int | None) -> None:
    store.put_file("big", big_file, checksums.of_bytes(BIG))
    assert b"".join(store.stream("big", start, end)) == BIG[start:end]


def test_an_empty_range_reads_nothing(store: Store) -> None:
    store.put_bytes("x", b"data")
    assert list(store.stream("x", 2, 2)) == []


def test_a_stream_comes_in_pieces(store: Store, big_file: Path) -> None:
    store.put_file("big", big_file, checksums.of_bytes(BIG))
    sizes = [len(piece) for piece in store.stream("big", chunk=1 << 20)]
    assert sum(sizes) == len(BIG)
    assert len(sizes) > 1


def test_a_missing_source_file_is_the_callers_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.put_file("x", tmp_path / "nothing", "0" * 64)
    assert store.head("x") is None


def test_missing_blobs(store: Store, tmp_path: Path) -> None:
    store.put_bytes("a/b", b"x")
    assert store.head("nothing") is None
    assert store.head("a") is None
    store.delete("nothing")
    with pytest.raises(BlobNotFound):
        store.get_bytes("nothing", max_bytes=1)
    with pytest.raises(BlobNotFound):
        store.stream("nothing")
    with pytest.raises(BlobNotFound):
        store.download("nothing", tmp_path / "out")


def test_a_blob_over_the_limit_is_refused(store: Store) -> None:
    store.put_bytes("x", b"12345")
    with pytest.raises(BlobTooLarge, match="5 bytes, allowed 4"):
        store.get_bytes("x", max_bytes=4)


def test_list_and_delete(store: Store) -> None:
    for key in ("jobs/j1/a1/x", "jobs/j1/a2/y", "jobs/j10/z", "other"):
        store.put_bytes(key, key.encode())
    found = {blob.key: blob for blob in store.list("jobs/j1")}
    assert sorted(found) == ["jobs/j1/a1/x", "jobs/j1/a2/y"]
    assert found["jobs/j1/a1/x"].size == len("jobs/j1/a1/x")
    assert abs((datetime.now(UTC) - found["jobs/j1/a1/x"].last_modified).total_seconds()) < 60
    store.delete("jobs/j1/a1/x")
    store.delete("jobs/j1/a2/y")
    assert list(store.list("jobs/j1")) == []
    assert sorted(blob.key for blob in store.list()) == ["jobs/j10/z", "other"]


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "a/.hidden", "a b", "a#1", "ä", "a\n"]
)
def test_hostile_keys_are_refused(store: Store, key: str) -> None:
    for act in (store.head, store.delete, store.stream):
        with pytest.raises(ValueError, match="no blob key"):
            act(key)
    with pytest.raises(ValueError, match="no blob key"):
        store.put_bytes(key, b"")


def test_a_dead_server_is_unavailable() -> None:
    store = open_store("s3://blobs", Options("http://127.0.0.1:9"))
    with pytest.raises(StoreUnavailable, match="failed on 'x'"):
        store.head("x")


def test_a_missing_bucket_is_unavailable_or_missing(s3_options: Options) -> None:
    store = open_store("s3://no-such-bucket", s3_options)
    with pytest.raises((StoreUnavailable, BlobNotFound)):
        store.put_bytes("x", b"")


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        open_store((tmp_path / "file" / "store").as_uri())


@pytest.mark.parametrize("url", ["ftp://x/y", "file://host/x", "s3://", "/plain/path"])
def test_unknown_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="wanted file"):
        open_store(url)


def test_local_writers_and_deleters_do_not_disturb_each_other(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    failures: list[BaseException] = []

    def churn(name: str) -> None:
        try:
            for _ in range(60):
                store.put_bytes(f"deep/er/{name}", b"x")
                store.delete(f"deep/er/{name}")
        except BaseException as error:  # noqa: BLE001  (reported by the main thread)
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(f"n{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_half_written_local_file_is_not_listed_and_removed_in_time(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put_bytes("a/b", b"x")
    half = tmp_path / ".partial" / "b#123"
    half.write_bytes(b"half")

    assert [blob.key for blob in store.list()] == ["a/b"]
    assert store.remove_partial(60.0) == 0
    assert store.remove_partial(-60.0) == 1
    assert not half.exists()


@pytest.mark.parametrize("size", [9, len(BIG)])
def test_a_file_is_not_stored_under_another_hash(store: Store, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(BIG[:size])

    with pytest.raises((ChecksumMismatch, StoreUnavailable)):
        store.put_file("x", path, checksums.of_bytes(b"as it was"))
    assert store.head("x") is None


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The address of a server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (507, b"XMinioStorageFull", StoreFull),
        (403, b"QuotaExceeded", StoreFull),
        (503, b"SlowDown", StoreUnavailable),
    ],
)
def test_errors_of_a_server_say_whether_it_is_full(
    status: int, code: bytes, error: type[StoreUnavailable]
) -> None:
    with answering(status, b"<Error><Code>%s</Code></Error>" % code) as url:
        store = open_store("s3://blobs", Options(url))
        with pytest.raises(StoreUnavailable) as raised:
            store.put_bytes("x", b"x")
    assert type(raised.value) is error
    assert raised.value.owner == "capacity"
