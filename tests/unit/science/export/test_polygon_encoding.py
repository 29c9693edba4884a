"""Numeric columns on a polygon: package, ONNX and training apply the same function."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from app.science.encoding.apply import transform
from app.science.encoding.encoding import Encoding
from app.science.encoding.fit import Role, fit_encoding
from app.science.export import (
    archive,
    documents,
    encoding_check,
    golden,
    package_writer,
    runtime,
    self_test,
)
from app.science.export.errors import PackageError
from app.science.export.trained_model import TrainedModel
from tests.unit.science.export import models

N = 800


def table(n: int = N, seed: int = 0) -> dict[str, np.ndarray]:
    """Long tails, ties, gaps and a time beside a plain number, an on-off one and levels."""
    rng = np.random.default_rng(seed)
    gaps = np.exp(2.0 * rng.normal(size=n))
    gaps[::9] = np.nan
    return {
        "income": np.exp(1.5 * rng.normal(size=n)),
        "gaps": gaps,
        "city": rng.choice(np.array(models.CITIES, dtype=object), size=n),
        "plain": rng.normal(size=n),
        "flag": (rng.random(n) < 0.3).astype(float),
        "when": models.START + rng.exponential(size=n) ** 2 * 1e6,
        "half_zero": np.where(rng.random(n) < 0.5, 0.0, rng.exponential(size=n)),
    }


@pytest.fixture(scope="module")
def encoding() -> Encoding:
    roles: dict[str, Role] = {
        **dict.fromkeys(table(), "number"),
        "city": "categorical",
        "when": "datetime",
    }
    fitted = fit_encoding(table(), roles, np.arange(N), "regression", seed=0, shape="auto")
    return fitted.encoding


@pytest.fixture(scope="module")
def model(encoding: Encoding) -> TrainedModel:
    network = models.network(input_dim=encoding.width)
    return models.trained(network=network, encoding=encoding, golden=table(256, seed=4))


@pytest.fixture(scope="module")
def package(model: TrainedModel) -> bytes:
    return package_writer.package_bytes(model)


def wild() -> dict[str, np.ndarray]:
    """New rows: beyond the ends, on the knots, missing, infinite."""
    rows = table(300, seed=9)
    rows["income"][:6] = 0.0, -1e300, 1e300, np.inf, -np.inf, np.nan
    rows["half_zero"][:3] = 0.0, -1.0, 50.0
    return rows


def test_some_columns_are_bent_and_some_are_not(encoding: Encoding) -> None:
    bent = {column.name for column in encoding.columns if getattr(column, "knots", ())}
    assert bent == {"income", "gaps", "when", "half_zero"}


def test_package_and_onnx_agree_with_the_network(model: TrainedModel, package: bytes) -> None:
    result = self_test.check(model, package)
    assert max(result.onnx_difference, result.numpy_difference) < 1e-5
    assert runtime.verify(package).passed


def test_the_loaded_encoding_is_the_fitted_one(encoding: Encoding, package: bytes) -> None:
    loaded = runtime.load(package).encoding
    np.testing.assert_array_equal(transform(loaded, wild()), transform(encoding, wild()))


def test_onnx_and_numpy_agree_on_new_rows(package: bytes) -> None:
    rows = wild()
    session = ort.InferenceSession(
        archive.read(package)["model.onnx"], providers=["CPUExecutionProvider"]
    )
    feed = {name: self_test.onnx_input(values) for name, values in rows.items()}
    (prediction,) = session.run(None, feed)
    ours = runtime.load(package).predict(rows)[:, None]
    assert golden.relative_difference(prediction[:, None], ours) < 1e-5


@pytest.mark.parametrize(
    "change",
    [
        lambda column: column.pop("values"),
        lambda column: column.pop("knots"),
        lambda column: column.update(knots=[], values=[]),
        lambda column: column.update(knots=[0.0], values=[0.0]),
        lambda column: column.update(knots=[0.0, 1.0], values=[0.0, 1.0, 2.0]),
        lambda column: column.update(knots=list(range(34)), values=list(range(34))),
        lambda column: column.update(knots=[0.0, 0.0], values=[0.0, 1.0]),
        lambda column: column.update(knots=[1.0, 0.0], values=[0.0, 1.0]),
        lambda column: column.update(knots=[0.0, 1.0], values=[1.0, 0.0]),
        lambda column: column.update(knots=["0", 1.0], values=[0.0, 1.0]),
        lambda column: column.update(knots=[False, True], values=[0.0, 1.0]),
        lambda column: column.update(knots={"0": 0.0}, values=[0.0]),
        lambda column: column.update(knots=7, values=7),
        lambda column: column.update(knots=[0.0, 5e-324], values=[0.0, 1.0]),
        lambda column: column.update(knots=[0.0, 1.0], values=[-1.7e308, 1.7e308]),
        lambda column: column.update(knots=[0.0, 1e-300], values=[0.0, 1.0], high=1e300),
        lambda column: column.update(knots=[None, 1.0], values=[0.0, 1.0]),
    ],
)
def test_a_polygon_that_makes_no_sense_is_refused(
    package: bytes, change: Callable[[dict[str, Any]], None]
) -> None:
    files = archive.read(package)
    document = json.loads(files["preprocess.json"])
    change(document["columns"][0])
    tensors = {entry.get("table", ""): np.zeros((5, 3)) for entry in document["columns"]}
    with pytest.raises(PackageError, match="column 0 is malformed"):
        encoding_check.parse("preprocess.json", document, tensors)


def test_a_column_without_a_polygon_is_stored_as_before(encoding: Encoding) -> None:
    stored = json.loads(documents.write(encoding.to_json()))
    keys = {column["name"]: set(column) for column in stored["columns"]}
    assert keys["income"] - keys["plain"] == {"knots", "values"}
