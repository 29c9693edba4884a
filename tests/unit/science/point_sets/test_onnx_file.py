from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from app.science.export.golden import relative_difference
from app.science.point_sets import model, onnx_file, sets
from app.science.point_sets.pose import PoseName
from tests.unit.science.point_sets.samples import SMALL, permuted, rings_and_discs


def served(content: bytes, output: str, points: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content)
    return np.asarray(session.run([output], {onnx_file.INPUT_NAME: points})[0])


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("pose", ["as_given", "centered", "scaled", "turned"])
def test_the_file_answers_as_the_model_does(pose: PoseName, dim: int) -> None:
    given, labels = rings_and_discs(100, dim=dim)
    found = model.fit(given, labels, "binary", plans=[replace(SMALL, pose=pose)])

    answer = served(onnx_file.build(found), "probabilities", given.points)

    assert relative_difference(answer, found.predict(given)) <= 1e-5


def test_labels_are_the_classes_names() -> None:
    given, labels = rings_and_discs(100)
    found = model.fit(given, labels, "binary", classes=("disc", "ring"), plans=[SMALL])

    answer = served(onnx_file.build(found), "label", given.points)

    wanted = np.array(["disc", "ring"])[found.predict(given).argmax(axis=1)]
    assert (answer == wanted).all()


def test_the_file_takes_any_number_of_sets_and_points_in_any_order() -> None:
    given, labels = rings_and_discs(100)
    found = model.fit(given, labels, "binary", plans=[SMALL])
    fresh, _ = rings_and_discs(7, seed=2, most=90)

    content = onnx_file.build(found)

    here = served(content, "probabilities", fresh.points)
    there = served(content, "probabilities", permuted(fresh).points)
    assert there == pytest.approx(here, abs=1e-6)
    assert here == pytest.approx(found.predict(fresh), abs=1e-5)


def test_channels_kernel_and_regression_are_exported_too() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((120, 20, 3))
    given = sets.from_arrays(points, n_channels=1)
    y = points[:, :, 2].mean(axis=1)
    found = model.fit(given, y, "regression", plans=[replace(SMALL, heads=("kernel",))])

    answer = served(onnx_file.build(found), "prediction", given.points)

    assert relative_difference(answer[:, None], found.predict(given)[:, None]) <= 1e-5


def test_equal_models_give_equal_files() -> None:
    given, labels = rings_and_discs(60)

    first, second = (
        onnx_file.build(model.fit(given, labels, "binary", plans=[SMALL])) for _ in range(2)
    )

    assert first == second
