"""Verify and predict a package, offline."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from app.science.evaluation import conformal
from app.science.export import package_writer, runtime
from tests.unit.cli.run import adaptnet
from tests.unit.science.export import models

CSV = "city;age;when;income;else\nUji;41;2026-01-01;0.5;x\n;;2026-01-02;-1;y\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "rent.mmpkg"
    package_writer.write_package(models.trained("binary"), path)
    return path


def test_an_intact_package_passes(capsys: pytest.CaptureFixture[str], package: Path) -> None:
    ended = adaptnet(capsys, "verify", package)

    assert ended.status == 0
    assert [line[:1] for line in ended.out.splitlines()] == ["✓", "✓", "✓", " "]


def test_one_changed_byte_fails(
    capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path
) -> None:
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    broken = tmp_path / "broken.mmpkg"
    broken.write_bytes(data)

    ended = adaptnet(capsys, "verify", broken)

    assert ended.status == 1
    assert ended.out.startswith("✗ hashes")


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_predicts_what_the_reader_predicts(
    capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path, name: str
) -> None:
    rows, out = tmp_path / name, tmp_path / "out.csv"
    text = f"\ufeff{CSV}".encode()
    rows.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)

    ended = adaptnet(capsys, "predict", package, rows, "--out", out)

    assert ended.status == 0
    written = list(csv.DictReader(out.read_text().splitlines()))
    model = runtime.load(package)
    expected = list(csv.DictReader(CSV.splitlines(), delimiter=";"))
    assert [row["prediction"] for row in written] == model.predict(expected).tolist()
    probabilities = [[float(r["probability_no"]), float(r["probability_yes"])] for r in written]
    assert np.array_equal(probabilities, model.predict_proba(expected))


def test_an_interval_adds_the_set_of_each_row(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    p = rng.random(200)
    found = conformal.fit("binary", rng.integers(2, size=200), np.stack([1 - p, p], axis=1))
    path, rows = tmp_path / "m.mmpkg", tmp_path / "rows.csv"
    model = models.trained("binary", evidence={"conformal": found.to_json()})
    package_writer.write_package(model, path)
    rows.write_text(CSV)

    ended = adaptnet(capsys, "predict", path, rows, "--interval", "0.9")
    refused = adaptnet(capsys, "predict", path, rows, "--interval", "0.905")

    written = [json.loads(row["set"]) for row in csv.DictReader(ended.out.splitlines())]
    expected = list(csv.DictReader(CSV.splitlines(), delimiter=";"))
    assert written == runtime.load(path).predict_set(expected, 0.9)
    assert refused.status == 1
    assert refused.err.startswith("level 0.905 is no whole percent")


def test_a_missing_column_is_one_sentence(
    capsys: pytest.CaptureFixture[str], package: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("town,age,when,income\nUji,1,2026-01-01,2\n")

    ended = adaptnet(capsys, "predict", package, rows)

    assert ended.status == 1
    assert ended.err.startswith("column 'city' is missing")
    assert "Traceback" not in ended.err
