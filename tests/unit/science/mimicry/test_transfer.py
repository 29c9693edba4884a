"""From data to network: accuracy, exactness of the formula, guards and determinism."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from app.science.architecture import sizing
from app.science.errors import DegenerateTarget, TooFewRows
from app.science.mimicry import target as targets
from app.science.mimicry import teacher as teachers
from app.science.mimicry.kernels import KERNELS
from app.science.mimicry.motif import MOTIFS
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.teacher import TEACHERS, FittedTeacher
from app.science.mimicry.transfer import corrected, transfer
from app.science.mimicry.transfer_report import TransferReport
from app.science.relu_network.evaluate import predict, predict_raw
from app.science.relu_network.network import Network, Task
from tests.unit.science.mimicry import samples

PLAN = TransferPlan()


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
    assert json.loads(json.dumps(report.to_json()))["chosen"] == "copied"


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


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_the_network_carries_the_teachers_own_function(task: Task) -> None:
    rows, y = samples.smooth(n=800) if task == "regression" else samples.rings(2, n=800)
    teacher = teachers.fit(rows, y, task, names=("nystrom_ridge",))

    net, report = transfer(teacher, rows, y, PLAN, seed=0)

    wanted = teacher.output(rows) * teacher.scale + teacher.center
    spread = wanted.std()
    assert predict_raw(net, rows) == pytest.approx(wanted, abs=0.1 * spread)
    assert report.observed_rms_difference < 0.005 * spread


def test_more_knots_bring_the_network_nearer() -> None:
    rows, y = samples.smooth(n=800)
    teacher = teachers.fit(rows, y, "regression", names=("nystrom_ridge",))

    gaps = [
        transfer(teacher, rows, y, TransferPlan(knots=knots), seed=0)[1].observed_rms_difference
        for knots in (128, 512, 2048)
    ]

    assert gaps[0] > 4.0 * gaps[1] > 16.0 * gaps[2]


def test_network_equals_an_independent_formula() -> None:
    rows, y = samples.smooth(n=800)
    _, net, _ = made(rows, y, "regression")
    t = {name: np.asarray(value, np.float64) for name, value in net.tensors.items()}
    at = {node.name: node.attributes for node in net.nodes}

    u = np.clip(rows @ t["unit.weight"].T + t["unit.bias"], -1.0, 1.0)
    pieces = int(at["radial.square"]["pieces"])
    grid = np.arange(-pieces, pieces + 1) / pieces
    square = np.interp(u, grid, grid**2)
    norm = square @ t["radial.norm.weight"].T + t["radial.norm.bias"]
    distance = np.hstack([u, norm]) @ t["radial.distance.weight"].T + t["radial.distance.bias"]
    features = np.hstack([rows, hinges(distance, t, at, "radial.profile")])
    expected = features @ t["base.weight"].T + t["base.bias"]

    assert predict_raw(net, rows) == pytest.approx(expected, rel=1e-9)


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
    teacher, net, _ = made(rows, y, "regression", TransferPlan(knots=1024))

    size = sizing.network_parameters(len(teacher.centers), 5, teacher.metric.shape[1], 1)
    assert net.n_parameters == size
    assert net.depth == sizing.AFFINE_LAYERS


def test_a_jump_is_corrected_and_a_smooth_target_left_alone() -> None:
    rows, y = samples.smooth(n=2000)
    jump = y + 200.0 * (rows[:, 4] > 0.1)
    new_rows, y_new = samples.smooth(n=2000, seed=1)
    jump_new = y_new + 200.0 * (new_rows[:, 4] > 0.1)
    for target, truth, helps in ((y, y_new, False), (jump, jump_new, True)):
        teacher = teachers.fit(rows, target, "regression", names=("nystrom_ridge",))

        net, report = corrected(teacher, rows, target, seed=0, names=("boosted_trees",))

        before, after = (
            samples.r2(p, truth) for p in (teacher.predict(new_rows), exact(net, new_rows))
        )
        assert not helps or report.verdicts[0].accepted
        assert (1.0 - after < 0.5 * (1.0 - before)) if helps else (after > before - 0.002)


def exact(net: Network, rows: np.ndarray) -> np.ndarray:
    return predict_raw(net, rows)[:, 0]


def test_held_out_rows_are_predicted_by_a_model_that_never_saw_them() -> None:
    rows, y = samples.smooth(n=600)
    teacher = teachers.fit(rows, y, "regression", names=("nystrom_ridge",))
    fit, held = targets.holdout(teacher.target(y), teacher.seed)

    assert teacher.out_of_fold.shape == (600, 1)
    own = (teacher.out_of_fold[fit, 0] - teacher.target(y).columns()[fit, 0]) ** 2
    in_sample = (teacher.output(rows[fit])[:, 0] - teacher.target(y).columns()[fit, 0]) ** 2
    assert own.mean() > in_sample.mean()
    assert teacher.validation_loss == pytest.approx(
        ((teacher.out_of_fold[held, 0] - teacher.target(y).columns()[held, 0]) ** 2).mean()
    )


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


def test_heavy_tails_cost_little_accuracy() -> None:
    rng = np.random.default_rng(0)
    points, new = rng.normal(size=(300, 4)), rng.normal(size=(300, 4))

    teacher, net, _ = made(np.sign(points) * np.abs(points) ** 5, points[:, 0], "regression")

    fresh = np.sign(new) * np.abs(new) ** 5
    taught = samples.r2(teacher.predict(fresh), new[:, 0])
    assert taught > 0.9
    assert samples.r2(predict(net, fresh), new[:, 0]) > taught - 0.05


def test_progress_rises_to_one() -> None:
    rows, y = samples.linear(n=200)
    seen: list[float] = []
    teacher = teachers.fit(rows, y, "regression")

    transfer(teacher, rows, y, PLAN, seed=0, progress=lambda share, _: seen.append(share))

    assert seen == sorted(seen)
    assert seen[-1] == 1.0
