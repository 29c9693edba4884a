"""A smaller teacher: what may go, what must stay, and what limits do."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from app.science.architecture import sizing
from app.science.errors import UnreachableLimit
from app.science.mimicry import target as targets
from app.science.mimicry.compress import CompressionReport, compress
from app.science.mimicry.kernels import KernelName
from app.science.mimicry.target import Target
from app.science.mimicry.teacher import TEACHERS, FittedTeacher
from app.science.mimicry.trial import Budget
from tests.unit.science.mimicry import samples


def expansion(
    centers: np.ndarray, weights: np.ndarray, kernel: KernelName = "gauss", width: float = 4.0
) -> FittedTeacher:
    """A teacher by hand in a plain metric."""
    p, c = centers.shape[1], weights.shape[1]
    return FittedTeacher(
        name="by hand",
        task="regression",
        classes=(),
        seed=0,
        center=0.0,
        scale=1.0,
        kernel=kernel,
        squared_bandwidth=width,
        penalty=1e-7,
        effective_dof=1.0,
        validation_loss=1.0,
        ridge_validation_loss=None,
        metric=np.eye(p),
        centers=centers,
        weights=weights,
        linear=np.zeros((p, c)),
        intercept=np.zeros(c),
        spectrum=np.full(p, 1.0 / p),
        details={},
    )


def squeezed(
    teacher: FittedTeacher, rows: np.ndarray, *, noise: float = 0.1
) -> tuple[FittedTeacher, CompressionReport]:
    """Compress a teacher whose own outputs, in noise, are the target."""
    y = teacher.output(rows)[:, 0] + noise * np.random.default_rng(5).normal(size=len(rows))
    target = targets.make(y, "regression", unit=(0.0, 1.0))
    fit, held = targets.holdout(target, 0)
    return compress(teacher, rows, target, fit, held)


@cache
def fitted() -> tuple[np.ndarray, Target, FittedTeacher]:
    rows, y = samples.smooth(n=1500)
    target = targets.make(y, "regression")
    split = targets.holdout(target, 0)
    return rows, target, TEACHERS.get("nystrom_ridge")().fit(rows, target, split, seed=0)


def compressed(budget: Budget) -> tuple[FittedTeacher, CompressionReport]:
    rows, target, teacher = fitted()
    return compress(teacher, rows, target, *targets.holdout(target, 0), budget)


def test_a_smooth_target_gives_most_centers_back() -> None:
    teacher = fitted()[2]
    new_rows, y_new = samples.smooth(seed=1)

    small, report = compressed(Budget())

    assert report.n_centers == len(small.centers) < len(teacher.centers) / 2
    assert report.loss <= 1.005 * report.loss_before
    assert samples.r2(small.predict(new_rows), y_new) > (
        samples.r2(teacher.predict(new_rows), y_new) - 0.005
    )
    assert json.loads(json.dumps(report.to_json()))["steps"]


def test_independent_bumps_all_stay() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (1500, 3))
    teacher = expansion(rows[:60], rng.normal(size=(60, 1)), width=0.01)

    small, report = squeezed(teacher, rows, noise=0.02)

    assert (small.output(rows) == teacher.output(rows)).all()
    assert "more than the budget" in report.reason


def test_equal_centers_become_one_with_the_sum_of_their_weights() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(600, 3))
    teacher = expansion(np.repeat(rows[:5], 3, axis=0), rng.normal(size=(15, 1)))

    small, report = squeezed(teacher, rows)

    assert len(small.centers) == 5
    assert report.reason == "twins from 15 to 5"
    assert small.output(rows) == pytest.approx(teacher.output(rows), abs=1e-9)


def test_near_twins_of_opposite_large_weights_are_not_merged() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(600, 3))
    centers = np.concatenate([rows[:5], rows[:5] + 0.01])
    weights = 500.0 * np.concatenate([np.ones((5, 1)), -np.ones((5, 1))])

    small, report = squeezed(expansion(centers, weights), rows)

    assert len(small.centers) == 10
    assert report.steps[0].name == "twins"
    assert not report.steps[0].accepted


def test_directions_without_spread_are_dropped() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(900, 4)) @ np.diag([1.0, 1.0, 1e-4, 1e-4])
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    plain = expansion(rows[:12] @ turn, rng.normal(size=(12, 1)))

    small, report = squeezed(replace(plain, metric=turn), rows)

    assert small.metric.shape == (4, 2)
    assert small.centers.shape == (12, 2)
    assert small.spectrum.shape == (2,)
    assert small.output(rows) == pytest.approx(replace(plain, metric=turn).output(rows), abs=1e-3)
    assert (report.rank_before, report.rank) == (4, 2)


def test_losses_are_judged_on_outputs_that_never_saw_the_rows() -> None:
    """The teacher knows the rows of its fit by heart: their loss would forbid any move."""
    rows, target, teacher = fitted()
    fit, held = targets.holdout(target, 0)

    report = compressed(Budget())[1]

    assert report.loss_before == pytest.approx(target.loss(teacher.out_of_fold[held], held))
    assert target.loss(teacher.out_of_fold[fit], fit) > target.loss(teacher.output(rows[fit]), fit)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logits_are_compressed_as_well(n_classes: int) -> None:
    rows, codes = samples.rings(n_classes, n=900)
    target = targets.make(codes, "binary" if n_classes == 2 else "multiclass")
    split = targets.holdout(target, 0)
    teacher = TEACHERS.get("nystrom_ridge")().fit(rows, target, split, seed=0)

    small, _ = compress(teacher, rows, target, *split, Budget(max_centers=30))

    new_rows, new = samples.rings(n_classes, seed=1)
    assert len(small.centers) <= 30
    assert (small.predict(new_rows).argmax(axis=1) == new).mean() > 0.95


@pytest.mark.parametrize("most", [20, 64])
def test_a_limit_on_the_centers_is_obeyed_at_any_cost(most: int) -> None:
    small, report = compressed(Budget(max_centers=most, relative=0.0))

    assert len(small.centers) == most
    assert report.steps[-1].name == "limit"
    assert len(small.out_of_fold) == len(fitted()[0])


def test_a_limit_on_the_parameters_bounds_the_network() -> None:
    small, _ = compressed(Budget(max_parameters=2500))

    p, q = small.metric.shape
    assert sizing.network_parameters(len(small.centers), p, q, 1) <= 2500


def test_too_few_parameters_for_motifs_leave_a_linear_model() -> None:
    small, report = compressed(Budget(max_parameters=100))

    assert small.name == "ridge"
    assert report.n_centers == 0
    assert small.validation_loss == pytest.approx(report.loss, rel=1e-6)


def test_a_limit_below_the_linear_model_is_refused_with_its_size() -> None:
    with pytest.raises(UnreachableLimit, match="ask for at least") as refused:
        compressed(Budget(max_parameters=5))

    assert (refused.value.name, refused.value.smallest) == ("max_parameters", 6)


def test_a_linear_teacher_is_left_alone() -> None:
    rows, y = samples.linear()
    target = targets.make(y, "regression")
    split = targets.holdout(target, 0)
    teacher = TEACHERS.get("ridge")().fit(rows, target, split, seed=0)

    small, report = compress(teacher, rows, target, *split)

    assert (small.output(rows) == teacher.output(rows)).all()
    assert report.steps == ()
