"""Images and point sets from an upload over HTTP to a package that predicts files."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from app.science.export import media_runtime
from tests.integration.workers.test_images import uploaded
from tests.integration.workers.test_kinds import finish
from tests.unit.cli.run import adaptnet
from tests.unit.science.images.extractors import convolution
from tests.unit.tables.factories import npz_bytes
from tests.unit.tables.image_factories import encoded, zip_bytes

N_IMAGES = 240


def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Small digits, 8 x 8, as 8-bit pixels."""
    images, codes = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
    return pixels[:N_IMAGES], codes[:N_IMAGES]


def clouds(n: int) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Rings and discs of 40 points in random order."""
    rng = np.random.default_rng(5)
    ring = np.arange(n) % 2 == 0
    radius = np.where(ring[:, None], 1.0, np.sqrt(rng.uniform(0, 1, (n, 40))))
    angle = rng.uniform(0, 2 * np.pi, (n, 40))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    return points + 0.05 * rng.normal(size=points.shape), np.where(ring, "ring", "disc")


@pytest.fixture
def folder_of_digits(client: TestClient) -> dict[str, bytes]:
    """240 PNG files by class folder, uploaded as the dataset ``d``; one of them is broken."""
    pixels, codes = digits()
    files = {
        f"{code}/{i:03}.png": encoded(Image.fromarray(image))
        for i, (image, code) in enumerate(zip(pixels, codes, strict=True))
    }
    broken = next(iter(files))
    found = uploaded(client, zip_bytes({**files, broken: files[broken][:40]}), "digits.zip")
    assert found["status"] == "ready", found
    return files


@pytest.fixture
def trained(client: TestClient, folder_of_digits: dict[str, bytes]) -> dict[str, Any]:
    """The job that has learned the digits, under the name ``d-label``."""
    del folder_of_digits
    spec = {"kind": "train", "dataset": "d", "target": "label"}
    return finish(client, {**spec, "baselines": {"sgd": False}})


def test_a_zip_of_digits_becomes_a_package_that_predicts_files(
    client: TestClient,
    folder_of_digits: dict[str, bytes],
    trained: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result, files = trained["result"], folder_of_digits
    model = client.get("/v1/models/d-label").json()
    package = tmp_path / "digits.mmpkg"
    package.write_bytes(client.get(model["files"]["package"]["link"]).content)
    onnx = client.get(model["files"]["onnx"]["link"]).content

    assert result["test"]["network"] < 0.1
    assert result["self_test"]["onnx_difference"] <= 1e-5
    assert result["certificate"]["certified_sup"] is None
    assert "nothing was carried over" in result["certificate"]["reason"]
    assert trained["estimate"] is None
    _report_is_complete(client, trained)

    assert media_runtime.verify(package).passed
    loaded = media_runtime.load(package)
    names = list(files)[:60]
    local = loaded.predict([files[name] for name in names]).tolist()
    assert np.mean([name.startswith(label) for name, label in zip(names, local, strict=True)]) > 0.9
    raw = np.stack([_as_the_manifest_says(loaded.reading, files[n]) for n in names])
    (labels,) = ort.InferenceSession(onnx).run(["label"], {"image": raw})
    assert list(labels) == local
    told = _by_command(capsys, package, {name: files[name] for name in names}, tmp_path / "new")
    assert told == dict(zip(names, local, strict=True))
    rows = _by_job(client)
    assert [row["file"] for row in rows] == list(files)
    assert rows[0]["prediction"] == ""  # the broken file
    assert [row["prediction"] for row in rows[1:60]] == local[1:]

    assert "predict" not in model["links"]
    here = f"{model['links']['self']}/predict"
    asked = client.post(here, json={"columns": ["image"], "rows": [["x"]]})
    assert asked.json()["code"] == "rows_invalid"
    assert "predict" in asked.json()["remedy"]


def _by_command(
    capsys: pytest.CaptureFixture[str], package: Path, files: dict[str, bytes], folder: Path
) -> dict[str, str]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    printed = adaptnet(capsys, "predict", package, folder).out
    return {row["file"]: row["prediction"] for row in csv.DictReader(io.StringIO(printed))}


def _by_job(client: TestClient) -> list[dict[str, str]]:
    spec = {"kind": "predict", "dataset": "d", "model": "d-label", "format": "csv"}
    job = finish(client, spec)
    file = client.get(f"/v1/jobs/{job['id']}/artifacts/predictions.csv").text
    return list(csv.DictReader(io.StringIO(file)))


def _as_the_manifest_says(reading: dict[str, Any], data: bytes) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(data)).convert("L")
    size = (reading["width"], reading["height"])
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))[:, :, None]


def _report_is_complete(client: TestClient, job: dict[str, Any]) -> None:
    """Every link answers, skipped phases with their reason; the page has the thumbnails."""
    for name, link in job["links"].items():
        if name not in ("self", "events", "stream", "artifacts", "model"):
            assert client.get(link).status_code == 200, name
    skipped = client.get(job["links"]["structure"]).json()
    assert skipped["unresolved"]
    assert "tables" in skipped["sentence"]
    comparison = client.get(job["links"]["comparison"]).json()
    assert set(comparison["methods"]) == {"network", "ridge"}
    assert comparison["matched_quality"] is None
    assert "No network was trained by SGD" in comparison["seconds_note"]
    page = client.get(f"/v1/jobs/{job['id']}/report", params={"format": "html"}).text
    assert 'id="extremes"' in page
    assert "How was it made without SGD?" in page


def test_images_are_compared_with_a_network_trained_by_sgd(
    client: TestClient, folder_of_digits: dict[str, bytes]
) -> None:
    spec = {"kind": "train", "dataset": "d", "target": "label"}
    job = finish(client, {**spec, "baselines": {"max_wall_seconds": 1}})

    comparison = client.get(job["links"]["comparison"]).json()  # type: ignore[index]
    report = client.get(f"/v1/jobs/{job['id']}/report").json()
    cnn = report["baseline"]["cnn"]
    errors = [point["error"] for point in cnn["test_curve"]]
    assert {"network", "ridge", "cnn"} <= set(comparison["methods"])
    assert comparison["methods"]["cnn"]["metrics"]["error_rate"] == errors[-1]
    assert comparison["matched_quality"]["method"] == "cnn"
    assert comparison["matched_quality"]["best"] == min(errors)
    assert "The CNN was tuned and trained by SGD" in comparison["seconds_note"]
    assert "No network" not in comparison["seconds_note"]
    assert cnn["settings"]["mirrored"] is False
    assert cnn["settings"]["seed"] == job["spec"]["seed"]  # type: ignore[index]
    race = client.get(f"/v1/jobs/{job['id']}/artifacts/error_against_time.csv").text
    assert race.count("\nCNN,baseline,") == len(errors)


def test_analyze_gives_the_dimension_of_images_by_class_with_thumbnails(
    client: TestClient, folder_of_digits: dict[str, bytes]
) -> None:
    job = finish(client, {"kind": "analyze", "dataset": "d", "label": "label"})

    found = client.get(f"/v1/jobs/{job['id']}/intrinsic-dimension").json()
    assert 3 < found["recommended"]["value"] < 30
    assert {entry["label"] for entry in found["by_class"]} <= set("0123456789")
    low, high = (found["extremes"][end] for end in ("low", "high"))
    assert max(e["value"] for e in low) < min(e["value"] for e in high)
    mirrored = client.get(f"/v1/jobs/{job['id']}/invariance").json()
    told = {f["text"]: f["accepted"] for f in mirrored["findings"]}
    assert told["left and right change sides"] is False
    svg = client.get(f"/v1/jobs/{job['id']}/artifacts/extremes.svg").content
    assert svg.count(b"<image") == len(low) + len(high)
    assert len(svg) < 300_000


def test_an_extractor_that_comes_with_the_images_is_part_of_the_network(
    client: TestClient, tmp_path: Path
) -> None:
    pixels, codes = digits()
    extractor = convolution(("N", 3, 24, 24), maps=True).SerializeToString()
    files = {f"{c}/{i}.png": encoded(p) for i, (c, p) in enumerate(zip(codes, pixels, strict=True))}
    prepared = {"extractor.onnx": extractor, "extractor.json": '{"mean": [0.3], "std": [0.4]}'}
    found = uploaded(client, zip_bytes({**files, **prepared}), "digits.zip")

    job = finish(client, {"kind": "train", "dataset": "d", "target": "label"})
    result: dict[str, Any] = job["result"]  # type: ignore[assignment]
    model = client.get("/v1/models/d-label").json()
    package = tmp_path / "digits.mmpkg"
    package.write_bytes(client.get(model["files"]["package"]["link"]).content)
    loaded = media_runtime.load(package)

    assert (found["status"], found["n_rows"]) == ("ready", N_IMAGES)
    assert result["test"]["network"] < 0.3  # 16 averages of random filters
    assert result["self_test"]["onnx_difference"] <= 1e-5
    assert media_runtime.verify(package).passed
    assert np.mean(loaded.predict(list(files.values())) == codes.astype(str)) > 0.8
    artifacts = f"/v1/jobs/{job['id']}/artifacts"
    evidence = client.get(f"{artifacts}/architecture.json").json()["evidence"]
    sha256 = hashlib.sha256(extractor).hexdigest()
    assert f"of 432 parameters, SHA-256 {sha256}" in evidence[0]["source"]
    assert "brings a feature extractor" in client.get(f"{artifacts}/report.md").text


def test_point_sets_are_learned_whatever_their_order(client: TestClient, tmp_path: Path) -> None:
    points, shape = clouds(160)
    uploaded(client, npz_bytes(X=points, y=shape), "clouds.npz")

    spec = {"kind": "train", "dataset": "d", "target": "y", "baselines": {"max_wall_seconds": 1}}
    job = finish(client, spec)
    result: dict[str, Any] = job["result"]  # type: ignore[assignment]
    link = client.get("/v1/models/d-y").json()["files"]["package"]["link"]
    model = media_runtime.load(client.get(link).content)

    assert result["test"]["network"] <= 0.05
    baseline = client.get(f"/v1/jobs/{job['id']}/report").json()["baseline"]["point_net"]
    assert baseline["settings"]["network"] in {"deep_sets", "point_net"}
    assert result["test"]["sgd"] == baseline["test_curve"][-1]["error"]
    assert result["self_test"]["points_permuted_difference"] <= 1e-6
    few = points[:20].astype(np.float32)
    order = np.random.default_rng(1).permutation(40)
    straight, turned = model.predict_proba(few), model.predict_proba(few[:, order])
    assert np.abs(straight - turned).max() <= 1e-6
    assert model.predict([points[0][:25]]).tolist() == ["ring"]
    asked = {"kind": "predict", "dataset": "d", "model": "d-y", "format": "csv"}
    predicted = finish(client, asked)
    file = client.get(f"/v1/jobs/{predicted['id']}/artifacts/predictions.csv").text
    told = [row["prediction"] for row in csv.DictReader(io.StringIO(file))]
    assert told == model.predict(list(points)).tolist()

    solid = np.random.default_rng(2).normal(size=(60, 10, 3))
    uploaded(client, npz_bytes(X=solid, y=np.arange(60) % 2), "solid.npz")
    refused = client.post("/v1/jobs", json=asked)
    assert refused.json()["code"] == "features_not_supported"
    assert "3 numbers" in refused.json()["detail"]


def test_what_a_job_over_images_cannot_do_is_refused_with_the_remedy(
    client: TestClient, folder_of_digits: dict[str, bytes]
) -> None:
    spec = {"kind": "train", "dataset": "d", "target": "label"}
    cases = {
        "advise": {**spec, "kind": "advise"},
        "file": {**spec, "features": {"include": ["image", "file"]}},
        "fine_tune": {**spec, "fine_tune": True},
        "class_weights": {**spec, "target": {"column": "label", "class_weights": "balanced"}},
    }
    for word, body in cases.items():
        answer = client.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "features_not_supported"), word
        assert word in json.dumps(answer.json())
        assert answer.json()["remedy"]
    target = client.post("/v1/jobs", json={**spec, "target": "image"})
    assert target.json()["code"] == "target_not_usable"
    rest = client.post("/v1/jobs", json={**spec, "features": {"exclude": ["image"]}})
    assert rest.status_code == 202
    estimate = client.post("/v1/estimates", json=spec).json()
    assert (estimate["decision"], estimate["seconds"]) == ("accept", None)
    assert "not measured" in estimate["reason"]
