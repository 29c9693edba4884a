"""Each kind of job from its body to its documents, with the real child process."""

import csv
import json
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db.queries import jobs
from app.db.session import transaction
from app.domain.callers import Caller
from app.science.export import runtime
from app.services import sweeper
from app.settings import settings
from tests.integration import jobs as make
from workers import supervisor


@pytest.fixture
def table(caller: Caller, tmp_path: Path) -> None:
    """A noisy wave over three numbers and a group, with missing cells."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 3))
    y = np.sin(3 * x[:, 0]) + x[:, 1] + 0.05 * rng.normal(size=400)
    cells = [
        f"{'' if i % 20 == 0 else a},{b},{c},{'abc'[i % 3]},{t}"
        for i, ((a, b, c), t) in enumerate(zip(x, y, strict=True))
    ]
    content = "a,b,c,group,y\n" + "\n".join(cells) + "\n"
    make.work_off(make.upload(caller, tmp_path, content).job_id)


def finish(client: TestClient, spec: Mapping[str, object]) -> dict[str, object]:
    """Submit a job, run it here, and return it."""
    job = client.post("/v1/jobs", json=spec).json()
    supervisor.run(make.claim(job["id"]), threading.Event())
    ended: dict[str, object] = client.get(f"/v1/jobs/{job['id']}").json()
    assert ended["status"] == "succeeded", ended["error"]
    return ended


def test_analyze_measures_the_dimension_of_the_numeric_columns(
    client: TestClient, table: None
) -> None:
    job = finish(client, {"kind": "analyze", "dataset": "d"})

    report = client.get(f"/v1/jobs/{job['id']}/intrinsic-dimension").json()
    assert report["recommended"]["low"] <= 3.5
    assert report["recommended"]["high"] >= 2.5
    assert "group" not in report["columns"]
    events = client.get(f"/v1/jobs/{job['id']}/events").json()["data"]
    told = [e["data"] for e in events if e["type"] == "job.dimension_estimated"]
    assert [entry.get("provisional", False) for entry in told] == [True, False]
    names = [a["name"] for a in client.get(f"/v1/jobs/{job['id']}/artifacts").json()["data"]]
    assert {"dimension.json", "report.json", "profile.json"} <= set(names)
    assert any(name.endswith(".svg") for name in names)


def test_a_table_of_categories_alone_is_trained_too(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    """Its distances tie, so no dimension can be estimated; the report says so."""
    rng = np.random.default_rng(1)
    cells = zip(*(rng.choice(list(levels), 300) for levels in ("xyz", "pq", "mno")), strict=True)
    rows = [f"{a},{b},{c},{'yes' if (a == 'x') != (b == 'p') else 'no'}" for a, b, c in cells]
    make.work_off(make.upload(caller, tmp_path, "a,b,c,y\n" + "\n".join(rows) + "\n").job_id)

    job = finish(
        client, {"kind": "train", "dataset": "d", "target": "y", "baselines": {"sgd": False}}
    )

    assert job["result"]["dimension_flags"] == ["unresolved"]  # type: ignore[index]
    assert job["result"]["test"]["network"] < 0.1  # type: ignore[index]


def test_advise_says_why_and_what_more_rows_would_need(client: TestClient, table: None) -> None:
    spec = {"kind": "advise", "dataset": "d", "target": "y", "what_if_rows": [1000, 100_000]}
    job = finish(client, spec)

    advice = client.get(f"/v1/jobs/{job['id']}/advice").json()
    assert all(entry["rule"] and entry["source"] for entry in advice["evidence"])
    forecast = client.get(f"/v1/jobs/{job['id']}/forecast", params={"rows": 500}).json()
    answer = forecast["answers"]["at"]
    assert answer["low"] <= answer["value"] <= answer["high"]
    beyond = client.get(f"/v1/jobs/{job['id']}/forecast", params={"rows": 10**9})
    assert beyond.json()["code"] == "beyond_forecast"
    found = client.get(f"/v1/jobs/{job['id']}/structure").json()
    assert found["verdict"]["side"] in ("smooth", "jump", "undecided")
    for name in ("invariance", "double-descent"):
        assert client.get(job["links"][name]).status_code == 200  # type: ignore[index]
    few, many = advice["what_if"]
    assert few["n_motifs"] <= many["n_motifs"]
    assert client.get(f"/v1/jobs/{job['id']}/comparison").json()["code"] == "document_not_made"


def test_train_then_predict_in_both_ways(client: TestClient, table: None) -> None:
    spec = {"kind": "train", "dataset": "d", "target": "y", "baselines": {"sgd": False}}
    trained = finish(client, spec | {"outputs": {"register_as": "wave"}, "seed": 3})
    model = client.get("/v1/models/wave").json()
    rows = {"columns": ["a", "b", "c", "group"], "rows": [[None, 0.1, 0.2, "b"], [0.5, 0, 0, "z"]]}

    answer = client.post(model["links"]["predict"], json=rows).json()
    job = finish(client, {"kind": "predict", "dataset": "d", "model": "wave@1", "format": "csv"})

    assert trained["result"]["test"]["network"] < trained["result"]["test"]["ridge"]  # type: ignore[index]
    assert len(answer["predictions"]) == 2
    file = client.get(f"/v1/jobs/{job['id']}/artifacts/predictions.csv")
    assert len(file.text.strip().splitlines()) == 401
    missing = client.post(model["links"]["predict"], json={"columns": ["a"], "rows": [[1]]})
    assert missing.json()["code"] == "rows_invalid"
    few = trained["result"]["uncertainty"]  # type: ignore[index]
    assert (few["max_level"], few["coverage"]["value"]) == (None, None)
    for refused in (
        client.post(model["links"]["predict"], json=rows | {"interval": 0.9}),
        client.post(
            "/v1/jobs", json={"kind": "predict", "dataset": "d", "model": "wave", "interval": 0.9}
        ),
    ):
        assert refused.json()["code"] == "interval_not_available"
        assert few["reason"] in refused.json()["detail"]


def test_a_set_of_classes_is_the_same_at_the_service_in_a_job_and_in_the_package(
    client: TestClient, caller: Caller, tmp_path: Path
) -> None:
    """1,600 rows of three overlapping classes: enough to set 100 apart for calibration."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1600, 2))
    y = np.argmax(np.stack([x[:, 0], x[:, 1], 0 * x[:, 0]]) + rng.normal(size=(3, 1600)), axis=0)
    cells = [f"{a},{b},{'pqr'[c]}" for (a, b), c in zip(x.tolist(), y, strict=True)]
    content = "a,b,y\n" + "\n".join(cells) + "\n"
    make.work_off(make.upload(caller, tmp_path, content).job_id)
    spec = {"kind": "train", "dataset": "d", "target": "y", "baselines": {"sgd": False}}
    trained = finish(client, spec | {"outputs": {"register_as": "m"}})
    model = client.get("/v1/models/m").json()
    rows = {"columns": ["a", "b"], "rows": x[:40].tolist(), "interval": 0.8}

    answer = client.post(model["links"]["predict"], json=rows).json()
    job = finish(
        client,
        {"kind": "predict", "dataset": "d", "model": "m", "format": "csv", "interval": 0.8},
    )
    written = client.get(f"/v1/jobs/{job['id']}/artifacts/predictions.csv").text
    package = runtime.load(client.get(model["files"]["package"]["link"]).content)

    held = trained["result"]["uncertainty"]["coverage"]  # type: ignore[index]
    assert held["level"] == 0.9
    assert held["low"] <= held["value"] <= held["high"]
    assert held["value"] > 0.8
    assert held["n_calibration"] == pytest.approx(100, abs=1)
    in_job = [json.loads(row["set"]) for row in csv.DictReader(written.splitlines())]
    assert len(in_job) == 1600
    assert answer["sets"] == in_job[:40]
    assert answer["sets"] == package.predict_set({"a": x[:40, 0], "b": x[:40, 1]}, 0.8)
    assert {len(members) for members in in_job} > {1}


def test_a_training_is_compared_on_its_own_test_rows(client: TestClient, table: None) -> None:
    quick = {"max_wall_seconds": 1}
    spec = {"kind": "train", "dataset": "d", "target": "y", "baselines": quick}
    job = finish(client, spec)

    found = client.get(f"/v1/jobs/{job['id']}/comparison").json()
    page = client.get(f"/v1/jobs/{job['id']}/report", params={"format": "html"}).text

    rivals = {"adam_mlp", "adam_mlp_same_time", "lightgbm", "ridge"}
    assert set(found["differences"]) == rivals
    assert set(found["methods"]) == rivals | {"network", "teacher"}
    for name in rivals | {"network"}:
        method = found["methods"][name]
        assert min(method["seconds"], method["n_parameters"], method["latency_ms"]) > 0, name
    ours, ridge = (found["methods"][name]["metrics"]["rmse"] for name in ("network", "ridge"))
    assert found["differences"]["ridge"]["value"] == pytest.approx(ours - ridge)
    assert found["matched_quality"]["error"] == ours
    assert found["summary"] in page
    around = client.get(job["links"]["loss-surface"]).json()  # type: ignore[index]
    assert {"ours", "sgd"} <= set(around["lines"][0])
    assert job["result"]["test"].keys() == {"network", "teacher", "sgd", "trees", "ridge"}  # type: ignore[index]


def test_a_benchmark_compares_over_seeds_and_ships_no_model(
    client: TestClient, table: None
) -> None:
    off = {"sgd": False, "trees": False}
    spec = {"kind": "benchmark", "dataset": "d", "target": "y", "seeds": 3, "baselines": off}
    job = finish(client, spec | {"seed": 7})

    found = client.get(f"/v1/jobs/{job['id']}/comparison").json()
    events = client.get(f"/v1/jobs/{job['id']}/events").json()["data"]
    names = [a["name"] for a in client.get(f"/v1/jobs/{job['id']}/artifacts").json()["data"]]

    assert found["seeds"] == [7, 8, 9]
    assert len(set(found["methods"]["network"]["errors"])) == 3
    difference = found["differences"]["ridge"]
    assert difference["low"] < difference["value"] < difference["high"]
    assert [e["data"]["seed"] for e in events if e["type"] == "job.seed_finished"] == [7, 8, 9]
    assert job["model_version"] is None
    assert "report.html" in names
    assert not [name for name in names if name.startswith("model.")]
    with transaction() as db:
        kept = [name for phase in jobs.phases(db, str(job["id"])).values() for name in phase.files]
    assert kept
    assert not [name for name in kept if "trainings" in name]


def test_equal_specs_and_seeds_give_the_same_network_to_the_byte(
    client: TestClient, table: None
) -> None:
    spec = {"kind": "train", "dataset": "d", "target": "y", "baselines": {"sgd": False}, "seed": 5}
    finish(client, spec)
    finish(client, spec)

    first, second = client.get("/v1/models/d-y/versions").json()
    assert first["version"] == 2
    for form in ("safetensors", "onnx"):  # the package also holds measured seconds
        assert first["files"][form]["sha256"] == second["files"][form]["sha256"]


def test_downloads_have_ranges_etags_and_heads(client: TestClient, table: None) -> None:
    spec = {"kind": "train", "dataset": "d", "target": "y", "baselines": {"sgd": False}}
    finish(client, spec)
    link = client.get("/v1/models/d-y").json()["files"]["package"]["link"]

    whole = client.get(link)
    part = client.get(link, headers={"Range": "bytes=10-19"})
    tail = client.get(link, headers={"Range": "bytes=-5", "If-Range": whole.headers["ETag"]})
    changed = client.get(link, headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    beyond = client.get(link, headers={"Range": f"bytes={len(whole.content)}-"})
    same = client.get(link, headers={"If-None-Match": whole.headers["ETag"]})
    head = client.head(link)

    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.content)}"
    assert tail.content == whole.content[-5:]
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    assert (same.status_code, same.content) == (304, b"")
    assert head.headers["Content-Length"] == str(len(whole.content))
    assert client.get(link.replace("package", "pt2")).json()["code"] == "spec_invalid"


def test_a_sweep_leaves_a_job_all_its_files(
    client: TestClient, table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = finish(client, {"kind": "analyze", "dataset": "d"})
    monkeypatch.setattr(settings, "sweep_grace_seconds", 0.0)

    sweeper.run()

    found = client.get(f"/v1/jobs/{job['id']}/artifacts").json()["data"]
    assert found
    assert {client.get(file["links"]["download"]).status_code for file in found} == {200}
