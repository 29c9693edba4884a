"""From data to network: accuracy, exactness of the formula, guards and determinism."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from app.science.architecture import sizing
from app.science.errors import DegenerateTarget, TooFewRows
from app.science.mimicry import body as bodies
from app.science.mimicry import target as targets
from app.science.mimicry import teacher as teachers
from app.science.mimicry.kernels import KERNELS
from app.science.mimicry.motif import MOTIFS
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.teacher import TEACHERS, FittedTeacher
from app.science.mimicry.transfer import TransferReport, transfer
from app.science.relu_network.evaluate import predict, predict_raw
from app.science.relu_network.network import Network, Task
from tests.unit.science.mimicry import samples

PLAN = TransferPlan(n_motifs=250, mixes=({"radial": 1.0},), pseudo_rows=500)


def made(
    rows: np.ndarray, y: np.ndarray, task: Task, plan: TransferPlan = PLAN
) -> tuple[FittedTeacher, Network, TransferReport]:
    teacher = teachers.fit(rows, y, task, seed=3)
    return teacher, *transfer(teacher, rows, y, plan, seed=3)


def test_plugins_load_and_name_a_source() -> None:
    assert {"nystrom_ridge", "ridge"} <= set(TEACHERS.names())
    assert {"radial", "swim", "pwl_wave"} <= set(MOTIFS.names())
    for name in TEACHERS.names():
        assert callable(TEACHERS.get(name)().fit)


def test_smooth_regression_in_the_targets_unit() -> None:
    rows, y = samples.smooth()
    new_rows, y_new = samples.smooth(seed=1)

    teacher, net, report = made(rows, y, "regression")

    assert samples.r2(predict(net, new_rows), y_new) > 0.95
    assert samples.r2(teacher.predict(new_rows), y_new) > 0.95
    assert report.network_validation_loss <= report.ridge_validation_loss
    assert json.loads(json.dumps(report.to_json()))["certified_sup"] is None


def test_index_model_in_thirty_dimensions() -> None:
    rows, y = samples.index_model()
    new_rows, y_new = samples.index_model(seed=1)

    _, net, _ = made(rows, y, "regression")

    assert samples.r2(predict(net, new_rows), y_new) > 0.95


@pytest.mark.parametrize(("task", "n_classes"), [("binary", 2), ("multiclass", 3)])
def test_classes_that_no_line_separates(task: Task, n_classes: int) -> None:
    rows, codes = samples.rings(n_classes)
    new_rows, new = samples.rings(n_classes, seed=1)

    _, net, report = made(rows, codes, task)

    probabilities = predict(net, new_rows)
    assert probabilities.shape == (len(new_rows), n_classes)
    assert (probabilities.argmax(axis=1) == new).mean() > 0.95
    assert report.network_validation_loss < report.ridge_validation_loss


@pytest.mark.parametrize("mix", [{"swim": 1.0}, {"swim": 0.5, "pwl_wave": 0.5}])
def test_other_motifs_learn_too(mix: dict[str, float]) -> None:
    rows, y = samples.smooth()
    new_rows, y_new = samples.smooth(seed=1)

    _, net, report = made(rows, y, "regression", TransferPlan(n_motifs=300, mixes=(mix,)))

    assert report.chosen != "ridge"
    assert samples.r2(predict(net, new_rows), y_new) > 0.95


def test_a_linear_target_is_never_worse_than_ridge() -> None:
    rows, y = samples.linear()

    teacher, net, report = made(rows, y, "regression")

    assert teacher.ridge_validation_loss is not None
    assert teacher.validation_loss <= teacher.ridge_validation_loss
    assert report.network_validation_loss <= report.ridge_validation_loss
    if report.chosen == "ridge":
        assert net.depth == 1


def test_radial_features_are_the_teachers_kernel_up_to_the_polygons() -> None:
    rows, y = samples.smooth(n=800)
    teacher = teachers.fit(rows, y, "regression", names=("nystrom_ridge",))
    plan = TransferPlan(n_motifs=len(teacher.centers), mixes=({"radial": 1.0},), knots=400)
    target = teacher.target(y)
    fit, _ = targets.holdout(target, 0)

    body = bodies.draw(teacher, rows, target, fit, plan, rng=np.random.default_rng(0))
    features = predict_features(body, rows[fit])

    assert features[:, :5] == pytest.approx(rows[fit], abs=1e-6)
    assert features[:, 5:] == pytest.approx(teacher.features(rows[fit]), abs=5e-3)


def predict_features(body: bodies.Body, rows: np.ndarray) -> np.ndarray:
    return np.asarray(body.features().compute(rows), dtype=np.float64)


def test_network_equals_an_independent_formula() -> None:
    rows, y = samples.smooth(n=800)
    _, net, _ = made(rows, y, "regression")
    t = {name: np.asarray(value, np.float64) for name, value in net.tensors.items()}
    at = {node.name: node.attributes for node in net.nodes}

    u = np.clip(rows @ t["unit.weight"].T + t["unit.bias"], -1.0, 1.0)
    norm = hinges(u, t, at, "radial.square") @ t["radial.norm.weight"].T + t["radial.norm.bias"]
    distance = np.hstack([u, norm]) @ t["radial.distance.weight"].T + t["radial.distance.bias"]
    features = np.hstack([rows, hinges(distance, t, at, "radial.profile")])
    expected = features @ t["head.weight"].T + t["head.bias"]

    assert predict_raw(net, rows, dtype=torch.float64) == pytest.approx(expected, rel=1e-9)
    assert predict_raw(net, rows) == pytest.approx(expected, abs=0.02 * y.std())


def hinges(
    x: np.ndarray, t: dict[str, np.ndarray], at: dict[str, Mapping[str, float]], name: str
) -> np.ndarray:
    attributes = at[name]
    total = attributes["intercept"] + attributes["slope"] * x
    for knot, c in zip(t[f"{name}.knots"], t[f"{name}.coefficients"], strict=True):
        total = total + c * np.maximum(x - knot, 0.0)
    return np.asarray(total)


def test_the_size_formula_counts_this_network() -> None:
    rows, y = samples.smooth(n=800)
    teacher, net, _ = made(rows, y, "regression")

    rank = teacher.metric.shape[1]
    assert net.n_parameters == sizing.network_parameters(PLAN.n_motifs, 5, rank, 1)
    assert net.depth == sizing.AFFINE_LAYERS


def test_teacher_predicts_its_own_formula_and_survives_storage() -> None:
    rows, y = samples.smooth(n=600)
    teacher = teachers.fit(rows, y, "regression", names=("nystrom_ridge",))

    stored = json.loads(json.dumps(teacher.to_json()))
    again = teachers.from_tensors(stored, teacher.to_tensors())

    z = rows @ teacher.metric
    s = ((z[:, None] - teacher.centers) ** 2).sum(axis=2) / teacher.squared_bandwidth
    kernel = KERNELS[teacher.kernel].profile(torch.as_tensor(s)).numpy()
    raw = kernel @ teacher.weights + rows @ teacher.linear + teacher.intercept
    assert teacher.predict(rows) == pytest.approx(raw[:, 0] * teacher.scale + teacher.center)
    assert (again.predict(rows) == teacher.predict(rows)).all()


def test_the_same_seed_gives_the_same_network() -> None:
    rows, codes = samples.rings(2, n=400)

    _, first, _ = made(rows, codes, "binary")
    _, second, _ = made(rows, codes, "binary")

    assert first.to_json() == second.to_json()
    assert all((first.tensors[k] == second.tensors[k]).all() for k in first.tensors)


def test_holdout_keeps_every_class_among_the_fit_rows() -> None:
    codes = np.array([0] * 90 + [1] * 9 + [2])
    target = targets.make(codes, "multiclass")

    fit, held = targets.holdout(target, seed=0)

    assert set(codes[fit]) == {0, 1, 2}
    assert sorted([*fit, *held]) == list(range(100))


def test_unusable_targets_are_refused() -> None:
    with pytest.raises(DegenerateTarget):
        targets.make(np.zeros(50), "regression")
    with pytest.raises(TooFewRows):
        targets.make(np.arange(5.0), "regression")


def test_heavy_tails_cost_neither_precision_its_accuracy() -> None:
    rng = np.random.default_rng(0)
    points, new = rng.normal(size=(300, 4)), rng.normal(size=(300, 4))

    _, net, _ = made(np.sign(points) * np.abs(points) ** 5, points[:, 0], "regression")

    fresh = np.sign(new) * np.abs(new) ** 5
    single, double = (predict_raw(net, fresh, dtype=t) for t in (torch.float32, torch.float64))
    assert samples.r2(single[:, 0], new[:, 0]) > 0.9
    assert samples.r2(double[:, 0], single[:, 0]) > 0.995


def test_progress_rises_to_one() -> None:
    rows, y = samples.linear(n=200)
    seen: list[float] = []
    teacher = teachers.fit(rows, y, "regression")

    transfer(teacher, rows, y, PLAN, seed=0, progress=lambda share, _: seen.append(share))

    assert seen == sorted(seen)
    assert seen[-1] == 1.0
