"""Guarded gradient descent: kept only where it helps and does not sharpen."""

from dataclasses import replace

import numpy as np
import pytest

from app.science.mimicry import fine_tune as tuning
from app.science.mimicry import target as targets
from app.science.mimicry.fine_tune import TuningData, fine_tune, sharpness
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network, Node
from tests.unit.science.mimicry import samples


def data(task: str = "regression") -> TuningData:
    if task == "regression":
        rows, y = samples.smooth(n=600)
        target = targets.make(y, "regression")
    else:
        rows, y = samples.rings(2, n=600)
        target = targets.make(y, "binary")
    return TuningData(rows, target, *targets.holdout(target, 0))


def random_network(tuning_data: TuningData, width: int = 32) -> Network:
    """One hidden layer of random units and a head solved by least squares on few rows."""
    target, p = tuning_data.target, tuning_data.X.shape[1]
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(width, p)), rng.normal(size=width)
    few = tuning_data.fit[:100]
    hidden = np.maximum(tuning_data.X[few] @ weight.T + bias, 0.0)
    columns = target.columns()[few] * target.scale + target.center
    design = np.hstack([hidden, np.ones((len(few), 1))])
    head = np.linalg.lstsq(design, columns, rcond=1e-3)[0].T
    tensors = {
        "lift.weight": weight,
        "lift.bias": bias,
        "head.weight": head[:, :-1],
        "head.bias": head[:, -1],
    }
    nodes = (
        Node("lift", "affine", ("x",)),
        Node("bend", "relu", ("lift",)),
        Node("head", "affine", ("bend",)),
    )
    tensors = {name: value.astype(np.float32) for name, value in tensors.items()}
    return Network(target.task, p, "head", target.classes, nodes, tensors)


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_a_rough_network_is_improved_and_loses_its_certificate(task: str) -> None:
    tuning_data = data(task)
    network = random_network(tuning_data)

    tuned, report = fine_tune(network, tuning_data, seconds=60.0, seed=0)

    assert report.accepted, report.reason
    assert report.loss_before - report.loss_after > report.standard_error
    assert report.sharpness_after <= 2.0 * report.sharpness_before
    assert report.certified_sup is None
    assert "no bound" in (report.certified_sup_reason or "")
    assert report.epochs == tuning.EPOCHS
    raw = predict_raw(tuned, tuning_data.X[tuning_data.held])
    raw = (raw - tuning_data.target.center) / tuning_data.target.scale
    assert tuning_data.target.loss(raw, tuning_data.held) == pytest.approx(
        report.loss_after, rel=1e-3
    )
    assert {t.dtype for t in tuned.tensors.values()} == {np.dtype(np.float32)}


def test_a_network_that_cannot_improve_comes_back_as_it_was() -> None:
    rows, y = samples.linear(n=400)
    target = targets.make(y, "regression")
    tuning_data = TuningData(rows, target, *targets.holdout(target, 0))
    design = np.hstack([rows, np.ones((len(rows), 1))])
    solution = np.linalg.lstsq(design[tuning_data.held], y[tuning_data.held], rcond=None)[0]
    tensors = {"head.weight": solution[None, :-1], "head.bias": solution[-1:]}
    network = Network("regression", 8, "head", (), (Node("head", "affine", ("x",)),), tensors)

    tuned, report = fine_tune(network, tuning_data, seconds=60.0, seed=0)

    assert tuned is network
    assert not report.accepted
    assert report.certified_sup_reason is None
    assert "standard error" in report.reason


def test_a_sharper_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "MAX_SHARPER", 1e-6)
    tuning_data = data()
    network = random_network(tuning_data)

    tuned, report = fine_tune(network, tuning_data, seconds=60.0, seed=0)

    assert tuned is network
    assert "sharpness" in report.reason


def test_without_time_nothing_moves() -> None:
    tuning_data = data()
    network = random_network(tuning_data)

    tuned, report = fine_tune(network, tuning_data, seconds=0.0, seed=0)

    assert tuned is network
    assert report.epochs == 0


def test_sharpness_does_not_see_a_rescaling_of_layers() -> None:
    tuning_data = data()
    network = random_network(tuning_data)
    t = {name: np.asarray(value, np.float64) for name, value in network.tensors.items()}
    scaled = {
        "lift.weight": 10.0 * t["lift.weight"],
        "lift.bias": 10.0 * t["lift.bias"],
        "head.weight": t["head.weight"] / 10.0,
        "head.bias": t["head.bias"],
    }

    here = sharpness(replace(network, tensors=t), tuning_data)
    there = sharpness(replace(network, tensors=scaled), tuning_data)

    assert here > 0
    assert there == pytest.approx(here, rel=1e-6)


def test_the_unit_of_the_target_changes_nothing() -> None:
    tuning_data = data()
    network = random_network(tuning_data)
    target = tuning_data.target
    other = replace(
        target, raw=1e3 * target.raw, center=1e3 * target.center, scale=1e3 * target.scale
    )
    t = {name: np.asarray(value, np.float64) for name, value in network.tensors.items()}
    in_thousands = t | {"head.weight": 1e3 * t["head.weight"], "head.bias": 1e3 * t["head.bias"]}

    _, here = fine_tune(replace(network, tensors=t), tuning_data, seconds=60.0, seed=0)
    _, there = fine_tune(
        replace(network, tensors=in_thousands),
        replace(tuning_data, target=other),
        seconds=60.0,
        seed=0,
    )

    assert there.loss_after == pytest.approx(here.loss_after, rel=1e-3)
