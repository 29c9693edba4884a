import json

import numpy as np
import pytest
import torch

from app.science.errors import DegenerateTarget, TooFewRows
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import INPUT, Network, Node
from app.science.structure.invariance.find import Rates, find_invariances
from app.science.structure.invariance.layout import Images, PointSets, Table
from app.science.structure.invariance.report import InvarianceReport
from app.science.structure.invariance.sample_size import error_factor
from app.science.structure.invariance.signed_permutation import flip, swap


def linear_network(p: int) -> Network:
    tensors = {"out.weight": np.arange(1.0, p + 1)[None], "out.bias": np.ones(1)}
    return Network("regression", p, "out", (), (Node("out", "affine", (INPUT,)),), tensors)


@pytest.fixture(scope="module")
def sorted_report() -> InvarianceReport:
    rng = np.random.default_rng(7)
    x = rng.random((1000, 5))
    y = np.sin(6 * x[:, :3].max(axis=1)) + x[:, :3].prod(axis=1) + x[:, 3]
    return find_invariances(
        x, y + 0.1 * rng.standard_normal(1000), seed=3, rates=Rates(beta=1.0, dimension=4.0)
    )


def test_finds_which_columns_change_places(sorted_report: InvarianceReport) -> None:
    group = sorted_report.group

    assert group.order == 6
    assert group.contains(swap(5, 0, 1))
    assert group.contains(swap(5, 1, 2))
    assert sorted_report.mechanism == "canonical_form"


def test_says_what_it_is_worth(sorted_report: InvarianceReport) -> None:
    rows = sorted_report.rows
    assert rows is not None
    assert sorted_report.loss is not None

    assert rows.predicted == pytest.approx(6 * rows.rows)
    assert rows.low <= rows.measured <= rows.high
    assert rows.measured > 1.5 * rows.rows
    assert sorted_report.pays
    assert sorted_report.error_factor == pytest.approx(6 ** (-1 / 3))
    assert "change places" in sorted_report.sentence


def test_is_plain_json(sorted_report: InvarianceReport) -> None:
    document = json.loads(json.dumps(sorted_report.to_json(), allow_nan=False))

    assert document["schema"] == "invariance-report/1"
    assert document["group"]["order"] == 6
    assert any(finding["accepted"] for finding in document["findings"])
    assert all(finding["reason"] for finding in document["findings"] if not finding["accepted"])


def test_makes_a_network_exactly_invariant(sorted_report: InvarianceReport) -> None:
    x = np.random.default_rng(0).random((10, 5))

    network = sorted_report.apply(linear_network(5))

    outputs = [
        predict_raw(network, rows, dtype=torch.float64) for rows in (x, x[:, [2, 0, 1, 3, 4]])
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0, atol=1e-12)


def test_usually_finds_nothing_and_says_so() -> None:
    rng = np.random.default_rng(8)
    x = rng.standard_normal((900, 6))
    y = x[:, 0] + 1.5 * x[:, 1] + np.sin(x[:, 2] - x[:, 0]) + 0.3 * rng.standard_normal(900)

    report = find_invariances(x, y, seed=4)

    assert report.group.generators == ()
    assert report.mechanism == "none"
    assert report.rows is None
    assert report.error_factor == 1.0
    assert not report.pays
    assert "No invariance found" in report.sentence


def test_mirrors_about_the_columns_own_zero() -> None:
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1000, 4)) - 0.02
    y = np.abs(x[:, 0] + 0.02) + 0.5 * x[:, 1] + 0.2 * rng.standard_normal(1000)

    report = find_invariances(x, y, Table(zero=(-0.02,) * 4), seed=5)

    assert report.group.contains(flip(4, [0]))
    assert report.group.center[0] == -0.02


def test_classes_are_columns() -> None:
    rng = np.random.default_rng(10)
    x = rng.standard_normal((1000, 4))
    noise = 0.2 * rng.standard_normal(1000)
    label = (x[:, 0] + x[:, 1] + np.sin(2 * x[:, 2]) + noise > 0).astype(int)

    report = find_invariances(x, np.eye(2)[label], seed=6)

    assert report.group.contains(swap(4, 0, 1))


def test_records_change_places_as_a_whole() -> None:
    rng = np.random.default_rng(14)
    x = np.c_[rng.standard_normal((1000, 3)), rng.random((1000, 3))]
    y = (np.sin(x[:, :3]) * x[:, 3:]).sum(axis=1) + 0.05 * rng.standard_normal(1000)

    report = find_invariances(x, y, seed=10)

    assert report.group.order == 6
    assert {finding.group for finding in report.accepted} == {"record_swaps"}
    assert report.mechanism == "feature_averaging"


def test_images_turn() -> None:
    rng = np.random.default_rng(11)
    x = rng.standard_normal((1000, 16))
    images = x.reshape(-1, 4, 4)
    corners = [np.rot90(images, k, (1, 2))[:, :2, :2].mean(axis=(1, 2)) for k in range(4)]
    y = np.max(corners, axis=0) + 0.1 * rng.standard_normal(1000)

    report = find_invariances(x, y, Images(4, 4), seed=7)

    assert report.mechanism == "feature_averaging"
    assert report.group.order == 8


def test_points_have_no_order_and_some_frames() -> None:
    rng = np.random.default_rng(12)
    x = rng.standard_normal((700, 18))
    points = x.reshape(-1, 6, 3)
    y = np.linalg.norm(points[:, :, :2], axis=2).max(axis=1) + points[:, :, 2].mean(axis=1)

    report = find_invariances(x, y, PointSets(6, 3), seed=8)

    assert report.mechanism == "pooling"
    assert report.pooling is not None
    assert "point_frames" in {finding.group for finding in report.accepted}
    assert all("axis 2" not in f.text for f in report.accepted if f.group == "point_mirrors")
    network = report.apply(linear_network(report.pooling.width))
    turned = points[:, ::-1][:, :, [1, 0, 2]] * np.array([-1.0, 1.0, 1.0])
    outputs = [
        predict_raw(network, rows[:5], dtype=torch.float64) for rows in (x, turned.reshape(-1, 18))
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-12, atol=1e-12)


def test_the_same_seed_gives_the_same_report() -> None:
    rng = np.random.default_rng(13)
    x = rng.standard_normal((400, 3))
    y = x[:, 0] * x[:, 1] + 0.1 * rng.standard_normal(400)

    first, second = (find_invariances(x, y, seed=9).to_json() for _ in range(2))

    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_error_factor_shrinks_with_the_group() -> None:
    assert error_factor(np.log(4.0), 1.0, 2.0) == pytest.approx(0.5)
    assert error_factor(0.0, 1.0, 2.0) == 1.0


def test_refuses_too_few_rows_and_a_constant_target() -> None:
    x = np.random.default_rng(0).standard_normal((300, 2))

    with pytest.raises(TooFewRows):
        find_invariances(x[:100], x[:100, 0])
    with pytest.raises(DegenerateTarget):
        find_invariances(x, np.ones(300))
