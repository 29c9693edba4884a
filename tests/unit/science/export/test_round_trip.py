import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load as load_safetensors

from app.science.errors import NotCalibrated, ScienceError
from app.science.evaluation import conformal
from app.science.export import (
    answer,
    archive,
    golden,
    network_numpy,
    package_writer,
    runtime,
    self_test,
)
from app.science.export.errors import SelfTestFailed
from app.science.export.export_format import FORMATS
from app.science.export.trained_model import TrainedModel
from app.science.relu_network.evaluate import predict
from app.science.relu_network.network import Network, Node, Task
from tests.unit.science.export import models

TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass")


def run_onnx(graph: bytes, table: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feed = {name: self_test.onnx_input(values) for name, values in table.items()}
    answers: list[NDArray[Any]] = session.run(None, feed)
    return answers


@pytest.mark.parametrize("task", TASKS)
def test_a_package_computes_what_the_network_computes(task: Task, tmp_path: Path) -> None:
    model = models.trained(task)
    path = tmp_path / "model.mmpkg"

    package_writer.write_package(model, path)

    result = self_test.check(model, path.read_bytes())
    assert max(result.onnx_difference, result.numpy_difference) < 1e-5
    assert result.precision == "float32"
    report = runtime.verify(path)
    assert report.passed
    assert [check.name for check in report.checks] == ["hashes", "contents", "self_test"]
    assert report.size_bytes == path.stat().st_size


def test_class_weights_move_the_label_and_not_the_probabilities() -> None:
    plain = models.trained("multiclass")
    weighted = replace(plain, network=replace(plain.network, class_weights=(1.0, 8.0, 0.5)))
    table = models.rows(500, seed=12)
    package = package_writer.package_bytes(weighted)

    model, before = runtime.load(package), runtime.load(package_writer.package_bytes(plain))
    labels, probabilities = run_onnx(archive.read(package)["model.onnx"], table)

    assert model.metadata["class_weights"] == [1.0, 8.0, 0.5]
    assert (model.predict_proba(table) == before.predict_proba(table)).all()
    picked = (model.predict_proba(table) * [1.0, 8.0, 0.5]).argmax(axis=1)
    assert (model.predict(table) == np.array(models.CLASSES["multiclass"])[picked]).all()
    assert (model.predict(table) != before.predict(table)).any()
    clear = np.diff(np.sort(probabilities * [1.0, 8.0, 0.5], axis=1)[:, -2:], axis=1)[:, 0] > 1e-4
    assert (labels[clear] == model.predict(table)[clear]).all()
    assert runtime.verify(package).passed


@pytest.mark.parametrize("task", TASKS)
def test_onnx_and_numpy_agree_on_new_rows(task: Task) -> None:
    package = package_writer.package_bytes(models.trained(task))
    table = models.rows(500, seed=11)
    model = runtime.load(package)

    answers = run_onnx(archive.read(package)["model.onnx"], table)

    if task == "regression":
        (prediction,) = answers
        assert golden.relative_difference(prediction[:, None], model.predict(table)[:, None]) < 1e-5
        return
    labels, probabilities = answers
    ours = model.predict_proba(table)
    np.testing.assert_allclose(probabilities, ours, atol=1e-5)
    two_best = np.sort(ours, axis=1)[:, -2:]
    clear = two_best[:, 1] - two_best[:, 0] > 1e-4
    assert (labels[clear] == model.predict(table)[clear]).all()


def test_equal_models_give_equal_bytes() -> None:
    first = package_writer.package_bytes(models.trained("multiclass"))

    assert package_writer.package_bytes(models.trained("multiclass")) == first


def test_predicting_needs_numpy_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.mmpkg"
    package_writer.write_package(models.trained(), path)
    script = f"""
import sys
from app.science.export import runtime
model = runtime.load({str(path)!r})
model.predict([{{"age": 41, "city": "Uji", "when": "2024-01-01", "income": None}}])
assert runtime.verify({str(path)!r}).passed
banned = {{"torch", "safetensors", "onnx", "onnxruntime", "scipy", "pandas", "sklearn"}}
sys.exit(", ".join(banned & set(sys.modules)) or 0)
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr


def calibrated(task: Task) -> tuple[conformal.Conformal, TrainedModel]:
    """A model that was calibrated on 200 rows of noise around its own outputs."""
    plain = models.trained(task)
    rng = np.random.default_rng(5)
    outputs = predict(plain.network, rng.normal(size=(200, 7)))
    noisy = outputs + rng.normal(size=200) if task == "regression" else None
    codes = rng.integers(max(len(plain.network.classes), 1), size=200)
    found = conformal.fit(task, codes if noisy is None else noisy, outputs)
    return found, replace(plain, evidence={**plain.evidence, "conformal": found.to_json()})


def test_a_package_gives_the_interval_of_the_library() -> None:
    found, model = calibrated("regression")
    package, rows = runtime.load(package_writer.package_bytes(model)), models.rows(50)

    for level in (0.5, 0.9, 0.99):
        ends = package.predict_interval(rows, level)
        np.testing.assert_array_equal(ends, found.interval(package.predict(rows), level))
    with pytest.raises(ScienceError, match="no class probabilities"):
        package.predict_set(rows)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_package_gives_the_sets_of_the_library(task: Task) -> None:
    found, model = calibrated(task)
    package, rows = runtime.load(package_writer.package_bytes(model)), models.rows(50)

    sets = package.predict_set(rows, 0.8)

    members = found.members(package.predict_proba(rows), 0.8)
    assert sets == conformal.named(members, model.network.classes)
    assert all(best in chosen for best, chosen in zip(package.predict(rows), sets, strict=True))
    with pytest.raises(ScienceError, match="intervals are of regression"):
        package.predict_interval(rows)


def test_a_package_without_calibration_says_why_it_has_no_interval() -> None:
    package = runtime.load(package_writer.package_bytes(models.trained()))

    with pytest.raises(NotCalibrated, match="no rows were set apart"):
        package.predict_interval(models.rows(5))


@pytest.mark.parametrize("task", TASKS)
def test_columns_of_a_file_have_the_names_they_were_announced_with(task: Task) -> None:
    package = runtime.load(package_writer.package_bytes(calibrated(task)[1]))
    for level in (None, 0.9):
        table = answer.table(package, models.rows(5), level)
        assert list(table) == answer.names(package, level)
        assert {len(values) for values in table.values()} == {5}


@pytest.mark.parametrize("offset", [1.7e9, -3e6])
def test_a_target_with_a_large_offset_keeps_its_digits(offset: float) -> None:
    plain = models.network()
    bias = plain.tensors["head.bias"] + offset
    network = replace(plain, tensors={**plain.tensors, "head.bias": bias})

    package, result = self_test.proved_package(models.trained(network=network))

    assert max(result.onnx_difference, result.numpy_difference) < 1e-5
    assert np.ptp(runtime.load(package).predict(models.rows(100))) > 0.1


def test_weights_that_need_it_are_stored_in_float64() -> None:
    plain = models.network()
    first = plain.tensors["lift.weight"][:1]
    twins = {  # two units that differ in the seventh digit, and a head that reads the difference
        "lift.weight": np.concatenate([first, first * (1 + 1e-7)]),
        "lift.bias": np.array([1.0, 1.0]),
        "head.weight": np.array([[-1e7, 1e7]]),
        "head.bias": np.zeros(1),
    }
    nodes = (
        Node("lift", "affine", ("x",)),
        Node("bend", "relu", ("lift",)),
        Node("head", "affine", ("bend",)),
    )
    model = models.trained(network=replace(plain, nodes=nodes, tensors=twins, output="head"))

    with pytest.raises(SelfTestFailed, match="numpy"):
        self_test.check(model, package_writer.package_bytes(model))
    assert self_test.proved_package(model)[1].precision == "float64"


def test_another_models_package_fails_the_self_test() -> None:
    plain = models.network()
    bias = plain.tensors["head.bias"] + 0.01
    other = replace(plain, tensors={**plain.tensors, "head.bias": bias})
    package = package_writer.package_bytes(models.trained(network=other))

    with pytest.raises(SelfTestFailed) as failure:
        self_test.check(models.trained(), package)
    assert set(failure.value.differences) == {"onnx", "numpy", "stored"}
    assert failure.value.n_rows == models.N_GOLDEN


def test_a_changed_weight_fails_the_runtimes_self_test() -> None:
    model = runtime.load(package_writer.package_bytes(models.trained()))
    tensors = {**model.network.tensors, "head.bias": model.network.tensors["head.bias"] + 1.0}

    result = replace(model, network=replace(model.network, tensors=tensors)).self_test()

    assert not result.passed
    assert result.max_relative_difference > result.tolerance


@pytest.mark.parametrize("n_knots", [0, 1, 2, 300])
def test_interpolation_is_the_sum_of_hinges(n_knots: int) -> None:
    rng = np.random.default_rng(n_knots)
    knots, coefficients = rng.normal(size=n_knots), rng.normal(size=n_knots)
    knots[: n_knots // 3] = knots[-1:]  # repeated knots
    network = Network(
        task="regression",
        input_dim=1,
        output="wave",
        classes=(),
        nodes=(Node("wave", "pwl", ("x",), {"intercept": 2.0, "slope": 0.7}),),
        tensors={"wave.knots": knots, "wave.coefficients": coefficients},
    )
    x = rng.normal(scale=4, size=(1000, 1))

    hinges = 2.0 + 0.7 * x + np.maximum(x - knots, 0) @ coefficients[:, None]

    np.testing.assert_allclose(network_numpy.evaluate(network, x), hinges, atol=1e-9)


@pytest.mark.parametrize("n_knots", [0, 1, 2, 7, 8, 300])
def test_onnx_finds_the_piece_for_any_number_of_knots(n_knots: int) -> None:
    rng = np.random.default_rng(n_knots)
    plain = models.network()
    knots = rng.normal(scale=2, size=n_knots)
    knots[: n_knots // 3] = knots[-1:]
    wave = {"wave.knots": knots, "wave.coefficients": rng.normal(size=n_knots) / (n_knots + 1)}
    model = models.trained(network=replace(plain, tensors={**plain.tensors, **wave}))

    self_test.check(model, package_writer.package_bytes(model))


def test_blocks_do_not_change_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    model = runtime.load(package_writer.package_bytes(models.trained()))
    table = models.rows(1000)
    at_once = model.predict(table)

    monkeypatch.setattr(network_numpy, "MAX_BLOCK_ROWS", 37)

    np.testing.assert_allclose(model.predict(table), at_once, atol=1e-5)


@pytest.mark.parametrize("name", FORMATS.names())
def test_every_format_writes_a_file(name: str, tmp_path: Path) -> None:
    export = FORMATS.get(name)
    path = tmp_path / f"model{export.suffix}"

    export.write(models.trained("binary"), path)

    assert path.stat().st_size > 1000
    assert export.safe


def test_the_formats_have_their_public_names() -> None:
    assert FORMATS.names() == ("onnx", "package", "safetensors")


def test_the_safetensors_library_reads_our_weights() -> None:
    model = models.trained()
    stored = network_numpy.stored(model.network)

    tensors = load_safetensors(
        archive.read(package_writer.package_bytes(model))["weights.safetensors"]
    )

    for name, tensor in stored.tensors.items():
        np.testing.assert_array_equal(tensors[name], tensor)
    np.testing.assert_array_equal(
        tensors["encoding.1.table"], models.encoding().tensors()["encoding.1.table"]
    )


def test_columns_named_like_outputs_do_not_collide() -> None:
    names = ("prediction", "prediction_", "adaptnet/Cast_1", "Cast")
    columns = tuple(models.number(name) for name in names)
    table = {name: np.linspace(0, 1 + i, 40) for i, name in enumerate(names)}
    model = models.trained(
        network=models.network(input_dim=4),
        encoding=replace(models.encoding(), columns=columns),
        golden=table,
    )

    self_test.check(model, package_writer.package_bytes(model))


def test_a_column_may_be_encoded_twice() -> None:
    base = models.encoding()
    twice = replace(base, columns=(*base.columns, base.columns[1], models.number("age", low=0.0)))
    model = models.trained(network=models.network(input_dim=11), encoding=twice)

    self_test.check(model, package_writer.package_bytes(model))


def test_numbers_alone_and_levels_alone_export_too() -> None:
    base = models.encoding()
    for columns in (base.columns[3:], base.columns[1:2]):
        part = replace(base, columns=columns)
        model = models.trained(network=models.network(input_dim=part.width), encoding=part)
        self_test.check(model, package_writer.package_bytes(model))


def test_parts_that_do_not_fit_are_no_trained_model() -> None:
    with pytest.raises(ScienceError, match="8 inputs, the encoding makes 7"):
        models.trained(network=models.network(input_dim=8))


def test_the_card_shows_what_was_measured_and_what_was_not() -> None:
    model: TrainedModel = models.trained()
    files = archive.read(package_writer.package_bytes(model))
    page = files["card.md"].decode()

    assert "3.2 (2.9 to 3.6) of 7 ambient dimensions" in page
    assert "| this model | 0.1235 (0.11 to 0.14) |" in page
    assert "| linear | 0.5 |" in page
    assert "proved bound not measured" in page
    assert "Tests &lt;only&gt;." in page
    assert "No intervals: not measured." in page
    assert runtime.load(package_writer.package_bytes(model)).card["target"] == "rent"
