"""Real data over real HTTP to a real worker: what comes back is what was promised."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest

from app.client import Client, Job, JobFailed
from tests.end_to_end.conftest import Live

SPEC: dict[str, Any] = {"split": {"column": "split"}, "baselines": {"max_wall_seconds": 10}}

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(400)]


def train(
    client: Client, data: Path, name: str, form: str
) -> tuple[Job, dict[str, Any], pd.DataFrame]:
    """Upload a table in the given file format and train: the job, its result, the test rows."""
    path = data / "tables" / f"{name}.parquet"
    frame = pd.read_parquet(path)
    content = frame.to_csv(index=False).encode() if form == "csv" else path.read_bytes()
    dataset = client.datasets.create(name, content).wait()
    assert dataset.n_rows == len(frame)
    job = client.train(dataset, "target", register_as=f"{name}-net", **SPEC).wait(350)
    assert job.result is not None
    return job, job.result, frame[frame["split"] == 1]


def test_california_as_csv_with_raw_text_and_missing_values(
    client: Client, data: Path, tmp_path: Path
) -> None:
    job, result, test = train(client, data, "california", "csv")

    model = job.model.load()
    prediction = model.predict(test)

    rmse = float(np.sqrt(np.mean((prediction - test["target"].to_numpy()) ** 2)))
    assert rmse == pytest.approx(result["test"]["network"], rel=0.01)
    assert result["test"]["network"] < 0.9 * result["test"]["ridge"]
    assert 1.0 <= result["dimension"]["low"] <= result["dimension"]["value"]
    assert result["dimension"]["value"] <= result["dimension"]["high"] <= 9.0
    assert {column["name"] for column in result["columns"]} == {*test.columns} - {"target", "split"}
    assert job.advice()["evidence"]
    by_onnx = _onnx(job, test, tmp_path)
    assert np.abs(by_onnx - prediction).max() <= 1e-5 * np.ptp(prediction)


def test_adult_as_parquet_with_categories(client: Client, data: Path) -> None:
    job, result, test = train(client, data, "adult", "parquet")

    model = job.model.load()
    wrong = float(np.mean(model.predict(test) != test["target"].astype(str).to_numpy()))
    remote = job.model.predict(test.drop(columns=["target", "split"]).head(50))

    assert wrong == pytest.approx(result["test"]["network"], rel=0.01)
    assert result["test"]["network"] < 0.17
    assert list(remote.predictions) == model.predict(test.head(50)).tolist()


def test_a_child_that_is_killed_costs_time_and_nothing_else(
    client: Client, data: Path, live: Live
) -> None:
    dataset = client.datasets.create("abalone", data / "tables" / "abalone.parquet").wait()
    job = client.train(dataset, "target", register_as="abalone-net", **SPEC)
    for event in job.stream():
        if event.type == "job.phase_completed" and event.data["phase"] == "architecture":
            break

    os.kill(_child_of(job.id), signal.SIGKILL)
    ended = job.wait(300)

    assert ended.status == "succeeded", ended.error
    types = [event.type for event in ended.events()]
    finished = [e.data["phase"] for e in ended.events() if e.type == "job.phase_completed"]
    assert types.count("job.starting") == 2
    assert types.count("job.succeeded") == 1
    assert len(finished) == len(set(finished)), "a finished phase ran twice"
    versions = client.models.versions("abalone-net")
    assert [version.version for version in versions] == [1]


def test_a_running_job_is_cancelled(client: Client, data: Path) -> None:
    dataset = client.datasets.create("abalone2", data / "tables" / "abalone.parquet").wait()
    job = client.train(dataset, "target", register_as="never", **SPEC)
    for event in job.stream():
        if event.type == "job.phase_started" and event.data["phase"] == "teacher":
            break

    job.cancel()

    with pytest.raises(JobFailed, match="cancelled"):
        job.wait(60)
    assert "never" not in [model.name for model in client.models.list()]


def test_a_model_predicts_a_whole_dataset(client: Client, data: Path, tmp_path: Path) -> None:
    dataset = client.datasets.create("abalone3", data / "tables" / "abalone.parquet").wait()
    model = client.models.get("abalone-net")

    job = client.predict_job(model.reference, dataset).wait(120)

    assert job.status == "succeeded", job.error
    table = pd.read_parquet(job.download_artifact("predictions.parquet", tmp_path))
    local = model.load().predict(pd.read_parquet(data / "tables" / "abalone.parquet"))
    # Another machine or another number of threads adds in another order.
    assert table["prediction"].to_list() == pytest.approx(local.tolist(), rel=1e-9)


def _child_of(job_id: str) -> int:
    """The process id of the job's child."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and job_id.encode() in _command_line(entry):
                return int(entry.name)
    raise AssertionError("no child process found")


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def _onnx(job: Job, rows: pd.DataFrame, folder: Path) -> "np.ndarray[Any, Any]":
    """Predictions of the downloaded ONNX file from raw cells."""
    session = ort.InferenceSession(job.model.download(folder, format="onnx"))
    feed = {}
    for wanted in session.get_inputs():
        column = rows[wanted.name]
        if wanted.type == "tensor(string)":
            texts = ["" if pd.isna(v) else str(v) for v in column]
            feed[wanted.name] = np.array(texts, dtype=object)[:, None]
        else:
            feed[wanted.name] = column.to_numpy(dtype=np.float64)[:, None]
    return np.asarray(session.run(["prediction"], feed)[0])
