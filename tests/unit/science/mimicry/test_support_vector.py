"""Support vector teachers: accuracy, the bound on the weights, calibrated logits and guards."""

import json

import numpy as np
import pytest
import torch
from sklearn.svm import SVC, SVR

from app.science.mimicry import target as targets
from app.science.mimicry import teacher as teachers
from app.science.mimicry.target import Target
from app.science.mimicry.teacher import FittedTeacher
from app.science.mimicry.teachers.support_vector import (
    Setting,
    SupportVector,
    TooManyRows,
    platt,
    train,
)
from app.science.relu_network.network import Task
from tests.unit.science.mimicry import samples


def fitted(rows: np.ndarray, y: np.ndarray, task: Task) -> FittedTeacher:
    return teachers.fit(rows, y, task, seed=3, names=("support_vector",))


def test_smooth_regression_in_the_targets_unit() -> None:
    rows, y = samples.smooth(500)
    new_rows, y_new = samples.smooth(300, seed=1)

    teacher = fitted(rows, y, "regression")

    assert samples.r2(teacher.predict(new_rows), y_new) > 0.97
    assert not teacher.linear.any()


@pytest.mark.parametrize(("task", "n_classes"), [("binary", 2), ("multiclass", 3)])
def test_classes_get_probabilities_that_mean_something(task: Task, n_classes: int) -> None:
    rows, codes = samples.rings(n_classes)
    rows[:, :2] *= 1.0 + 0.15 * np.random.default_rng(0).normal(size=(len(rows), 1))  # overlap
    new_rows, new = samples.rings(n_classes, seed=1)
    new_rows[:, :2] *= 1.0 + 0.15 * np.random.default_rng(1).normal(size=(len(rows), 1))

    probabilities = fitted(rows, codes, task).predict(new_rows)

    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == new
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(new)))
    assert right.mean() > 0.8
    assert confidence.mean() == pytest.approx(right.mean(), abs=0.05)


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_the_weights_keep_the_bound_that_is_known_in_advance(task: Task) -> None:
    rows, y = samples.smooth(300) if task == "regression" else samples.rings(3, n=300)

    teacher = fitted(rows, y, task)

    details = json.loads(json.dumps(teacher.to_json()))["details"]
    assert details["n_support"] == len(teacher.centers)
    assert details["weight_norm_1"] == pytest.approx(np.abs(teacher.weights).sum(axis=0).max())
    assert details["weight_norm_1"] <= details["weight_norm_1_bound"]
    if task == "regression":
        assert np.abs(teacher.weights).max() <= details["C"]


def problem(task: Task) -> tuple[np.ndarray, Target, np.ndarray]:
    rows, y = samples.smooth(200) if task == "regression" else samples.rings(2, n=200)
    return rows, targets.make(y, task), np.arange(150)


def test_the_expansion_is_the_machine_of_scikit_learn() -> None:
    setting = Setting(cost=2.0, epsilon=0.05, squared_bandwidth=1.5)
    options = {"C": 2.0, "gamma": 1.0 / 3.0}

    rows, target, fit = problem("regression")
    regression = SVR(epsilon=0.05, **options).fit(rows[fit], target.columns()[fit, 0])
    decided = train(rows, target, fit, setting).decide(rows, 1.5)
    assert decided[:, 0] == pytest.approx(regression.predict(rows), abs=1e-9)

    rows, target, fit = problem("binary")
    machine = SVC(**options).fit(rows[fit], target.raw[fit])
    decided = train(rows, target, fit, setting).decide(rows, 1.5)
    assert decided[:, 0] == pytest.approx(machine.decision_function(rows), abs=1e-9)


def test_platt_scaling_is_stationary_and_recovers_a_logistic_law() -> None:
    rng = np.random.default_rng(0)
    decisions = rng.normal(size=(4000, 1))
    codes = (rng.random(4000) < 1.0 / (1.0 + np.exp(-(2.0 * decisions[:, 0] - 0.5)))).astype(int)

    slope, offset = platt(decisions, codes, 2)

    assert slope[0, 1] - slope[0, 0] == pytest.approx(2.0, abs=0.2)
    assert offset[1] - offset[0] == pytest.approx(-0.5, abs=0.15)


def test_a_class_without_rows_in_the_sample_stays_finite() -> None:
    slope, offset = platt(np.array([[1.0], [-1.0]]), np.array([0, 1]), 3)
    rows = np.random.default_rng(0).normal(size=(60, 2))
    codes = np.array([0] * 30 + [1] * 29 + [2])

    teacher = fitted(rows, codes, "multiclass")

    assert np.isfinite(slope).all()
    assert offset[2] < min(offset[:2])
    assert np.isfinite(teacher.predict(rows)).all()


def test_a_metric_given_by_the_caller_is_used() -> None:
    rows, y = samples.index_model(500)
    new_rows, y_new = samples.index_model(300, seed=1)
    target = targets.make(y, "regression")
    direction = np.zeros((rows.shape[1], 1))
    direction[:4] = 1.0

    blind = fitted(rows, y, "regression")
    split = targets.holdout(target, 0)
    told = SupportVector(metric=direction).fit(rows, target, split, seed=0)

    assert told.centers.shape[1] == 1
    assert samples.r2(told.predict(new_rows), y_new) > 0.97
    assert samples.r2(blind.predict(new_rows), y_new) < 0.9


def test_too_many_rows_are_refused_with_what_to_use_instead() -> None:
    rows, y = samples.linear(100)
    target = targets.make(y, "regression")

    with pytest.raises(TooManyRows, match="nystrom_ridge"):
        SupportVector(max_rows=50).fit(rows, target, targets.holdout(target, 0), seed=0)


def test_the_same_seed_gives_the_same_teacher_and_storage_keeps_it() -> None:
    rows, codes = samples.rings(2, n=200)
    first, second = (fitted(rows, codes, "binary") for _ in range(2))

    again = teachers.from_tensors(json.loads(json.dumps(first.to_json())), first.to_tensors())

    assert (first.predict(rows) == second.predict(rows)).all()
    assert torch.equal(torch.as_tensor(again.predict(rows)), torch.as_tensor(first.predict(rows)))


def test_progress_rises() -> None:
    rows, codes = samples.rings(3, n=200)
    target, seen = targets.make(codes, "multiclass"), list[float]()

    SupportVector().fit(
        rows,
        target,
        targets.holdout(target, 0),
        seed=0,
        progress=lambda share, _: seen.append(share),
    )

    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] < 1.0
