"""Commands that talk to a service."""

from pathlib import Path

import pytest

from tests.unit.cli.run import adaptnet
from tests.unit.client.documents import comparison, dataset, entry, estimate, job
from tests.unit.client.service import Reply, Service
from tests.unit.client.test_events import kept, passing

JOB = job(
    spec={"dataset": "churn@1"},
    timestamps={"created": "2026-01-01T10:20:30Z"},
    waiting_reason=None,
)
HERE = "GET /v1/jobs/job_1"


def test_a_list_is_tab_separated_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    service.on("GET /v1/jobs", Reply(200, {"data": [JOB], "next_cursor": None}))

    ended = adaptnet(capsys, "jobs", "ls", "--status", "running", "--status", "queued")

    assert ended.out.splitlines()[1] == (
        "job_1\ttrain\tchurn@1\tsucceeded\t\t100%\t2026-01-01 10:20"
    )
    assert service.asked[0].query["status"] == ["running", "queued"]


def test_a_history_is_one_line_an_entry(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    service.on(HERE, Reply(200, JOB))
    events = [entry(1, "job.queued"), entry(2, "job.note", value=4.31649)]
    service.on("GET /v1/jobs/job_1/events", Reply(200, {"data": events, "last_seq": 2}))

    ended = adaptnet(capsys, "jobs", "logs", "job_1")

    assert ended.out.splitlines()[1].split() == ["2", "00:00:00Z", "job.note", "value", "4.316"]


@pytest.mark.parametrize(
    ("verb", "status", "said"),
    [
        ("pause", "queued", "job_1 is paused"),
        ("pause", "running", "job_1 is paused after its phase"),
        ("resume", "queued", "job_1 is queued"),
        ("cancel", "cancelled", "job_1 is cancelled"),
    ],
)
def test_a_verb_says_what_has_become_of_the_job(
    capsys: pytest.CaptureFixture[str], service: Service, verb: str, status: str, said: str
) -> None:
    service.on(HERE, Reply(200, JOB))
    service.on(f"POST /v1/jobs/job_1/{verb}", Reply(200, {**JOB, "status": status}))

    ended = adaptnet(capsys, "jobs", verb, "job_1")

    assert ended.out.splitlines()[0] == said


def test_watching_a_job_that_fails_fails_too(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    error = {"message": "no memory", "hint": "fewer rows", "phase": "teacher"}
    failed = {**JOB, "status": "failed", "error": error, "result": None}
    service.on(HERE, Reply(200, {**JOB, "status": "running"}), Reply(200, failed))
    stream = kept(1, "job.failed") + passing("end", status="failed")
    service.on("GET /v1/jobs/job_1/stream", Reply(200, stream))

    ended = adaptnet(capsys, "jobs", "watch", "job_1")

    assert ended.status == 1
    assert "✗ failed in phase teacher: no memory" in ended.out
    assert "-> fewer rows" in ended.out


def test_training_without_watching_prints_the_id_alone(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "My churn.csv"
    path.write_text("a,y\n1,2\n")
    service.on("PUT /v1/datasets/My-churn/content", Reply(202, dataset()))
    service.on("POST /v1/jobs", Reply(202, job(status="queued")))

    ended = adaptnet(capsys, "train", path, "--target", "y", "--no-watch", "--task", "binary")

    assert ended.out == "job_1\n"
    assert service.asked[-1].json["target"] == {"column": "y", "task": "binary"}


def test_an_invalid_file_shows_its_problems(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "churn.csv"
    path.write_text("a\n")
    problem = {"row": 3, "column": "a", "message": "not a number", "remedy": "repair it"}
    service.on("PUT /v1/datasets/churn/content", Reply(202, dataset(status="invalid")))
    service.on("GET /v1/datasets/churn@1/validation", Reply(200, {"problems": [problem]}))

    ended = adaptnet(capsys, "train", path, "--target", "y")

    assert ended.status == 1
    assert "3    a       not a number  repair it" in ended.err


def test_a_new_key_goes_to_stdout_alone(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    made = {"id": "key_1", "scopes": ["predict"], "secret": "ank_secret"}
    service.on("POST /v1/api-keys", Reply(201, made))

    ended = adaptnet(capsys, "key", "create", "notebook", "--scope", "predict")

    assert ended.out == "ank_secret\n"
    assert service.asked[0].json == {"name": "notebook", "scopes": ["predict"]}


def test_a_comparison_is_a_table_with_the_best_on_top(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    service.on(HERE, Reply(200, JOB))
    service.on(f"{HERE}/comparison", Reply(200, comparison()))

    ended = adaptnet(capsys, "jobs", "compare", "job_1")

    assert [line.split("\t") for line in ended.out.splitlines()[:4]] == [
        ["method", "test error rate", "difference from ours", "seconds", "numbers", "ms a row"],
        ["the Adam MLP", "0.1", "-0.02 (-0.05 to 0.01) not significant", "2", "1,200", "0.031"],
        ["Motif Mimicry", "0.12", "", "2", "1,200", "0.031"],
        ["ridge", "0.3", "+0.18 (0.1 to 0.2) worse", "2", "1,200", "0.031"],
    ]
    assert "The difference is not significant." in ended.out
    assert "As good as ours after 31.25 s with tuning: the Adam MLP." in ended.out


def test_a_benchmarks_comparison_shows_means(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    method = {"name": "Motif Mimicry", "mean": 0.25, "seconds": 1.0, "n_parameters": 10}
    document = comparison(methods={"network": {**method, "latency_ms": 1.0}}, differences={})
    del document["matched_quality"]
    service.on(HERE, Reply(200, JOB))
    service.on(f"{HERE}/comparison", Reply(200, document))

    ended = adaptnet(capsys, "jobs", "compare", "job_1")

    assert ended.out.splitlines()[1].split("\t")[:2] == ["Motif Mimicry", "0.25"]


def test_a_report_is_saved(
    capsys: pytest.CaptureFixture[str], service: Service, tmp_path: Path
) -> None:
    service.on(HERE, Reply(200, JOB))
    service.on(f"{HERE}/report", Reply(200, b"# report"))

    ended = adaptnet(capsys, "jobs", "report", "job_1", "--out", tmp_path / "r.md")

    assert ended.status == 0
    assert (tmp_path / "r.md").read_text() == "# report"


def test_an_estimate_is_a_line_a_size(capsys: pytest.CaptureFixture[str], service: Service) -> None:
    other = {"rows": 50_000, "seconds": {"p50": 100.0, "p90": 2500.0}}
    other["memory_bytes"] = {"p50": 1 << 30, "p90": 3 << 30}
    service.on("POST /v1/estimates", Reply(200, estimate(what_if=[other])))

    ended = adaptnet(capsys, "estimate", "churn", "--target", "y", "--rows", "50000")

    assert ended.status == 0
    assert [line.split("\t") for line in ended.out.splitlines()[2:4]] == [
        ["1,000", "12.0", "30.5", "400 MiB", "2 GiB"],
        ["50,000", "100.0", "2,500.0", "1 GiB", "3 GiB"],
    ]
    assert "careful: the estimate is extrapolated" in ended.out


def test_an_estimate_that_rejects_fails(
    capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    holes: dict[str, object] = {"seconds": None, "memory_bytes": None, "size": None, "warnings": []}
    refused = estimate(decision="reject", reason="there is no column 'y'", **holes)
    service.on("POST /v1/estimates", Reply(200, refused))

    ended = adaptnet(capsys, "estimate", "churn", "-t", "y")

    assert (ended.status, ended.out) == (1, "cannot run: there is no column 'y'\n")
