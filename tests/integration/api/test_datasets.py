"""Datasets over HTTP: upload in two ways, versions, corrections, deletion, bad files."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db.queries import datasets as queries
from app.db.session import transaction
from app.services import blobs
from tests.integration import jobs as make


def post(
    client: TestClient, content: bytes | str, name: str = "d", **fields: str
) -> dict[str, Any]:
    """Upload a file by multipart and parse it."""
    answer = client.post(
        "/v1/datasets", data={"name": name, **fields}, files={"file": ("data.csv", content)}
    )
    assert answer.status_code == 202, answer.text
    make.work_off(answer.json()["links"]["parse_job"].rpartition("/")[2])
    found: dict[str, Any] = client.get(answer.json()["links"]["self"]).json()
    return found


def npz_of_zeros() -> bytes:
    """Half a megabyte that holds half a gigabyte of zeros."""
    buffer = io.BytesIO()
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (1 << 26, 1)}
    np.lib.format.write_array_header_1_0(header, shape)
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as entry,
    ):
        entry.write(header.getvalue())
        for _ in range(512):
            entry.write(bytes(1 << 20))
    return buffer.getvalue()


def object_array() -> bytes:
    """An array whose reading would run code."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([[1, "a"]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def raw_key(version_id: str) -> str:
    """Where the uploaded bytes lie."""
    with transaction() as db:
        found = queries.by_id(db, version_id)
    assert found is not None
    return found.raw_key


def test_a_multipart_upload_becomes_a_typed_table(client: TestClient) -> None:
    dataset = post(client, make.CSV)

    assert (dataset["status"], dataset["n_rows"], dataset["format"]) == ("ready", 80, "csv")
    types = {column["name"]: column["type"] for column in dataset["columns"]}
    assert (types["x"], types["group"], types["y"]) == ("number", "categorical", "number")
    profile = client.get(dataset["links"]["profile"]).json()
    assert profile["n_rows"] == 80


def test_raw_bytes_are_a_version_of_the_same_dataset(client: TestClient) -> None:
    first = post(client, make.CSV)
    put = client.put("/v1/datasets/d/content?filename=x.csv", content=make.CSV.encode())
    make.work_off(put.json()["links"]["parse_job"].rpartition("/")[2])
    second = client.get("/v1/datasets/d@latest").json()

    assert (first["version"], second["version"]) == (1, 2)
    assert first["sha256"] == second["sha256"]
    assert first["logical_hash"] == second["logical_hash"]
    versions = client.get("/v1/datasets/d/versions").json()
    assert [version["version"] for version in versions] == [2, 1]


def test_an_upload_with_a_repeated_key_is_stored_once(client: TestClient) -> None:
    header = {"Idempotency-Key": "upload-0001"}
    first = client.put("/v1/datasets/d/content", content=b"a,b\n1,2\n", headers=header)
    again = client.put("/v1/datasets/d/content", content=b"a,b\n1,2\n", headers=header)
    other = client.put("/v1/datasets/d/content", content=b"a,b\n1,3\n", headers=header)

    assert again.json()["id"] == first.json()["id"]
    assert blobs.store().head(raw_key(first.json()["id"])) == len(b"a,b\n1,2\n")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_cancelled_parsing_leaves_no_dataset_that_waits_for_ever(client: TestClient) -> None:
    dataset = client.put("/v1/datasets/d/content", content=b"a,b\n1,2\n").json()

    client.post(f"{dataset['links']['parse_job']}/cancel")

    settled = client.get("/v1/datasets/d").json()
    assert (settled["status"], settled["problems"][0]["code"]) == ("invalid", "cancelled")


def test_a_wrong_guess_is_corrected_in_a_new_version(client: TestClient) -> None:
    post(client, make.CSV)

    answer = client.patch("/v1/datasets/d", json={"columns": {"x": "categorical"}})
    make.work_off(answer.json()["links"]["parse_job"].rpartition("/")[2])

    corrected = client.get("/v1/datasets/d").json()
    types = {column["name"]: column["type"] for column in corrected["columns"]}
    assert (corrected["version"], types["x"]) == (2, "categorical")
    assert client.get("/v1/datasets/d@1").json()["version"] == 1


def test_columns_can_be_typed_with_the_upload(client: TestClient) -> None:
    dataset = post(client, make.CSV, columns=json.dumps({"x": "categorical"}))

    assert {c["name"]: c["type"] for c in dataset["columns"]}["x"] == "categorical"


def test_a_correction_of_an_unknown_column_names_the_nearest(client: TestClient) -> None:
    dataset = post(client, make.CSV, columns=json.dumps({"gruop": "categorical"}))

    assert dataset["status"] == "invalid"
    assert "group" in json.dumps(dataset["problems"])


def test_deleting_frees_rows_and_bytes(client: TestClient, tmp_path: Path) -> None:
    dataset = post(client, make.CSV)
    raw = raw_key(dataset["id"])

    receipt = client.delete("/v1/datasets/d").json()

    assert receipt["versions"] == 1
    assert receipt["bytes_freed"] > dataset["size_bytes"]
    assert client.get("/v1/datasets/d").status_code == 404
    assert blobs.store().head(raw) is None


def test_a_dataset_in_use_is_not_deleted(client: TestClient) -> None:
    post(client, make.CSV)
    job = client.post("/v1/jobs", json={"kind": "analyze", "dataset": "d"}).json()

    answer = client.delete("/v1/datasets/d")

    assert answer.status_code == 409
    assert answer.json()["users"] == [job["id"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02" * 50, ""),
        (b"a,a\n" + b"1,2\n" * 60, "duplicate"),
        (b"a,\n" + b"1,2\n" * 60, "name"),
        (b"a,b\n" + b"1,2\n" * 60 + b"1", ""),
        (b"PAR1" + b"x" * 90, "damaged_file"),
        (b"a:b:c\n" + b"1:2:3\n" * 60, "wrong_delimiter"),
        (b"a,b\n" + "\u00e9,1\n".encode() * 60 + b"\xe9,1\n", "mixed_encodings"),
        (npz_of_zeros(), "compression_ratio"),
        (object_array(), "object_array"),
    ],
)
def test_a_bad_file_is_reported_and_the_service_goes_on(
    client: TestClient, content: bytes, code: str
) -> None:
    dataset = post(client, content)

    assert dataset["status"] == "invalid"
    report = client.get(dataset["links"]["validation"]).json()
    assert report["problems"]
    first = report["problems"][0]
    assert first["severity"] == "error"
    assert code in first["code"]
    assert first["message"]
    assert first["remedy"]
    assert client.get("/readyz").status_code == 200


def test_reading_waits_for_the_parsing(client: TestClient) -> None:
    answer = client.put("/v1/datasets/d/content", content=make.CSV.encode()).json()
    make.work_off(answer["links"]["parse_job"].rpartition("/")[2])

    assert client.get("/v1/datasets/d?wait=30").json()["status"] == "ready"
