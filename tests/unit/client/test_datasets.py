"""Uploads of every kind, and waiting for what the service makes of them."""

from pathlib import Path

import pandas as pd
import pytest

from app.client import Client, ClientError, DatasetInvalid, WaitTimedOut
from tests.unit.client.documents import dataset, job
from tests.unit.client.service import Reply, Service

PUT = "PUT /v1/datasets/churn/content"
HERE = "GET /v1/datasets/churn@1"
TEXT = b"a,b\n" + b"1,2\n" * 50_000


def test_a_file_is_sent_as_it_is(client: Client, service: Service, tmp_path: Path) -> None:
    path = tmp_path / "my churn.csv"
    path.write_bytes(TEXT)
    service.on(PUT, Reply(202, dataset(status="parsing")))

    made = client.datasets.create("churn", path)

    assert (made.reference, made.is_parsing) == ("churn@1", True)
    assert service.asked[0].body == TEXT
    assert service.asked[0].query == {"filename": ["my churn.csv"]}
    assert service.asked[0].headers["content-length"] == str(len(TEXT))


def test_a_repeated_upload_sends_everything_again(
    client: Client, service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "churn.csv"
    path.write_bytes(TEXT)
    service.on(PUT, Reply(503, {}), Reply(202, dataset()))

    client.datasets.create("churn", path)

    assert [asked.body for asked in service.asked] == [TEXT, TEXT]
    assert len({asked.headers["idempotency-key"] for asked in service.asked}) == 1


def test_a_data_frame_becomes_parquet(client: Client, service: Service) -> None:
    service.on(PUT, Reply(202, dataset()))

    client.datasets.create("churn", pd.DataFrame({"a": [1, 2]}))

    assert service.asked[0].body.startswith(b"PAR1")
    assert service.asked[0].query == {"filename": ["churn.parquet"]}


def test_a_frame_without_parquet_becomes_csv(client: Client, service: Service) -> None:
    class Frame:
        def to_csv(self, path: Path, *, index: bool) -> None:
            path.write_text(f"a\n1\nindex {index}\n")

    service.on(PUT, Reply(202, dataset()))

    client.datasets.create("churn", Frame())

    assert service.asked[0].body == b"a\n1\nindex False\n"


def test_types_of_columns_travel_beside_the_file(client: Client, service: Service) -> None:
    service.on("POST /v1/datasets", Reply(202, dataset()))

    client.datasets.create("churn", b"zip\n1\n", columns={"zip": "categorical"})

    body = service.asked[0].body
    assert b'{"zip": "categorical"}' in body
    assert b"zip\n1\n" in body


def test_a_misspelt_path_gets_the_nearest(client: Client, tmp_path: Path) -> None:
    (tmp_path / "bikes.csv").write_text("a\n")

    with pytest.raises(ClientError, match=r"did you mean '.*bikes.csv'"):
        client.datasets.create("churn", tmp_path / "bike.csv")
    with pytest.raises(ClientError, match="data is int; wanted"):
        client.datasets.create("churn", 3)


def test_waits_until_it_is_ready(client: Client, service: Service) -> None:
    service.on(PUT, Reply(202, dataset(status="parsing")))
    service.on(HERE, Reply(200, dataset(status="parsing")), Reply(200, dataset()))

    assert client.datasets.create("churn", b"a").wait().status == "ready"
    assert service.asked[-1].query == {"wait": ["30.0"]}


def test_an_invalid_file_raises_its_problems(client: Client, service: Service) -> None:
    problem = {"row": 3, "column": "a", "message": "not a number", "remedy": "repair it"}
    service.on(HERE, Reply(200, dataset(status="invalid")))
    service.on("GET /v1/datasets/churn@1/validation", Reply(200, {"problems": [problem]}))

    with pytest.raises(DatasetInvalid, match="3    a       not a number  repair it") as caught:
        client.datasets.get("churn@1").wait()
    assert caught.value.problems == [problem]


def test_waiting_has_an_end(client: Client, service: Service) -> None:
    service.on(HERE, Reply(200, dataset(status="parsing")))

    with pytest.raises(WaitTimedOut, match="still parsing"):
        client.datasets.get("churn@1").wait(timeout=0.01)


def test_a_list_reads_as_many_pages_as_it_needs(client: Client, service: Service) -> None:
    page = {"data": [dataset()] * 200, "next_cursor": "abc"}
    service.on(
        "GET /v1/datasets",
        Reply(200, page),
        Reply(200, {"data": [dataset()], "next_cursor": None}),
    )

    assert len(client.datasets.list(limit=300)) == 201
    assert service.asked[1].query == {"limit": ["100"], "cursor": ["abc"]}


def test_training_waits_for_a_dataset_that_was_just_uploaded(
    client: Client, service: Service
) -> None:
    service.on(PUT, Reply(202, dataset(status="parsing")))
    service.on(HERE, Reply(200, dataset()))
    service.on("POST /v1/jobs", Reply(202, job(status="queued")))

    client.train(client.datasets.create("churn", b"a"), "y", register_as="net", seed=3)

    assert service.asked[-1].json == {
        "kind": "train",
        "dataset": "churn@1",
        "target": "y",
        "seed": 3,
        "outputs": {"register_as": "net"},
    }
