"""Waiting for jobs, watching them, and their files and models."""

import hashlib
import io
from pathlib import Path

import pytest
from rich.console import Console

from app.client import Client, ClientError, DownloadDamaged, Event, JobFailed, WaitTimedOut
from app.client.watch import describe, watch
from tests.unit.client.documents import estimate, job, model
from tests.unit.client.service import Reply, Service
from tests.unit.client.test_events import STREAM, kept, passing

HERE = "GET /v1/jobs/job_1"
FILE = "/v1/models/churn-net/versions/1/download"
CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PACKAGE = {"filename": "model.mmpkg", "size": len(CONTENT), "sha256": SHA256, "link": FILE}


def test_waits_to_the_end(client: Client, service: Service) -> None:
    service.on(HERE, Reply(200, job(status="running")), Reply(200, job()))

    assert client.jobs.get("job_1").wait().status == "succeeded"


def test_any_other_end_raises_its_reason(client: Client, service: Service) -> None:
    error = {"message": "no memory", "hint": "fewer rows"}
    service.on(HERE, Reply(200, job(status="failed", error=error)))

    with pytest.raises(JobFailed, match="job_1 failed: no memory\n-> fewer rows"):
        client.jobs.get("job_1").wait()


def test_waiting_has_an_end_but_the_job_goes_on(client: Client, service: Service) -> None:
    service.on(HERE, Reply(200, job(status="running")))

    with pytest.raises(WaitTimedOut, match="it goes on"):
        client.jobs.get("job_1").wait(timeout=0.01)


def test_watching_without_a_terminal_prints_plain_lines(client: Client, service: Service) -> None:
    stream = (
        kept(1, "job.queued")
        + kept(2, "job.phase_started", phase="dimension")
        + passing("job.progress", fraction=0.3, phase="dimension")
        + kept(
            3, "job.phase_completed", phase="dimension", seconds=1.23, headline={"value": 4.31649}
        )
        + kept(4, "job.queued", reason="worker_lost")
        + kept(5, "job.succeeded")
        + passing("end", status="succeeded")
    )
    service.on(HERE, Reply(200, job(status="running", result=None)), Reply(200, job()))
    service.on(STREAM, Reply(200, stream))
    written = io.StringIO()

    ended = watch(client.jobs.get("job_1"), Console(file=written, width=60))

    assert ended.status == "succeeded"
    assert written.getvalue().splitlines() == [
        "train job_1",
        "✓ dimension        1.2 s  value 4.316",
        "· queued again  worker_lost",
        "✓ succeeded",
    ]


def test_a_partial_result_is_a_line_too() -> None:
    data = {"phase": "dimension", "value": 4.3, "flags": [], "parts": {"low": 4, "high": None}}

    assert describe(Event("job.estimated", data, 5)) == (
        "[dim]· estimated[/]  value 4.3, parts (low 4)"
    )


def test_the_model_is_the_version_that_the_job_has_made(client: Client, service: Service) -> None:
    service.on(HERE, Reply(200, job()))
    versions = [model(id="mv_2", version=2, reference="churn-net@2"), model()]
    service.on("GET /v1/models/churn-net/versions", Reply(200, versions))

    assert client.jobs.get("job_1").model.reference == "churn-net@1"


def test_a_job_without_a_model_says_so(client: Client, service: Service) -> None:
    service.on(HERE, Reply(200, job(kind="analyze", model_version=None)))

    with pytest.raises(ClientError, match=r"job_1 \(analyze, succeeded\) has no model"):
        client.jobs.get("job_1").model  # noqa: B018  (a property that asks the service)


def test_a_download_goes_on_where_it_broke_off(
    client: Client, service: Service, tmp_path: Path
) -> None:
    service.on("GET /v1/models/churn-net", Reply(200, model(files={"package": PACKAGE})))
    service.on(f"GET {FILE}", Reply(200, CONTENT[:70_000], cut=10), Reply(206, CONTENT[70_000:]))

    path = client.models.get("churn-net").download(tmp_path)

    assert path == tmp_path / "churn-net-1.mmpkg"
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]
    resumed = service.asked[-1].headers
    assert resumed["if-range"] == f'"{SHA256}"'
    assert resumed["range"] == "bytes=70000-"


def test_damaged_bytes_never_get_the_name(client: Client, service: Service, tmp_path: Path) -> None:
    service.on("GET /v1/models/churn-net", Reply(200, model(files={"package": PACKAGE})))
    service.on(f"GET {FILE}", Reply(200, CONTENT[:-1] + b"x"))

    with pytest.raises(DownloadDamaged, match="announced was"):
        client.models.get("churn-net").download(tmp_path / "model.mmpkg")
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_or_file_gets_the_nearest(
    client: Client, service: Service, tmp_path: Path
) -> None:
    service.on("GET /v1/models/churn-net", Reply(200, model(files={"package": PACKAGE})))
    service.on(HERE, Reply(200, job()))
    artifact = {
        "name": "parity.svg",
        "phase": "report",
        "size": 1,
        "sha256": "",
        "links": {"download": ""},
    }
    service.on(f"{HERE}/artifacts", Reply(200, {"data": [artifact]}))

    with pytest.raises(ClientError, match="did you mean 'package'"):
        client.models.get("churn-net").download(tmp_path, "pakage")
    with pytest.raises(ClientError, match=r"did you mean 'parity\.svg'"):
        client.jobs.get("job_1").download_artifact("party.svg", tmp_path)


@pytest.mark.parametrize(
    "rows", [{"a": [1, 2], "b": ["x", None]}, [{"a": 1, "b": "x"}, {"a": 2, "b": None}]]
)
def test_predicts_at_the_service(client: Client, service: Service, rows: object) -> None:
    service.on("GET /v1/models/churn-net", Reply(200, model()))
    answer = {"predictions": ["yes", "no"], "classes": ["no", "yes"], "probabilities": [[0, 1]]}
    service.on("POST /v1/models/churn-net/versions/1/predict", Reply(200, answer))

    found = client.models.get("churn-net").predict(rows)

    assert found.predictions == ("yes", "no")
    assert list(found.probabilities or ()) == [(0, 1)]
    body = service.asked[-1].json
    assert body["rows"] in ([[1, "x"], [2, None]], [{"a": 1, "b": "x"}, {"a": 2, "b": None}])


def test_predicts_with_intervals_at_the_service(client: Client, service: Service) -> None:
    service.on("GET /v1/models/churn-net", Reply(200, model()))
    answer = {"predictions": [2.0], "intervals": [[1.0, 3.0]], "sets": None}
    service.on("POST /v1/models/churn-net/versions/1/predict", Reply(200, answer))

    found = client.models.get("churn-net").predict([{"a": 1}], interval=0.9)

    assert service.asked[-1].json["interval"] == 0.9
    assert (found.intervals, found.sets) == (((1.0, 3.0),), None)


@pytest.mark.parametrize(
    ("name", "wanted"), [("a.html", "html"), ("a.md", "markdown"), ("a.json", "json")]
)
def test_a_report_is_saved_in_the_format_of_its_name(
    client: Client, service: Service, tmp_path: Path, name: str, wanted: str
) -> None:
    service.on(HERE, Reply(200, job()))
    service.on(f"{HERE}/report", Reply(200, b"<!DOCTYPE html>"))

    path = client.jobs.get("job_1").save_report(tmp_path / name)

    assert path.read_bytes() == b"<!DOCTYPE html>"
    assert service.asked[-1].query == {"format": [wanted]}


def test_an_estimate_is_a_value_and_asks_about_other_sizes(
    client: Client, service: Service
) -> None:
    service.on("POST /v1/estimates", Reply(200, estimate()))

    found = client.estimate("churn", "y", rows=(10, 20), seed=3)

    assert (found.accepted, found.reason) == (True, "fits the limits")
    assert (found.seconds or {})["p90"] == 30.5
    asked = service.asked[-1]
    assert asked.query == {"rows": ["10", "20"]}
    assert asked.json == {"kind": "train", "dataset": "churn", "target": "y", "seed": 3}


def test_a_benchmark_is_a_job(client: Client, service: Service) -> None:
    service.on("POST /v1/jobs", Reply(202, job(kind="benchmark", status="queued")))

    assert client.benchmark("churn", "y", seeds=3).kind == "benchmark"
    assert service.asked[-1].json["seeds"] == 3
