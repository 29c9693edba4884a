import functools
import inspect

import numpy as np
import pytest

from app.science.baselines.baseline import BASELINES, BaselineResult, Problem
from app.science.baselines.methods.adam_mlp import AdamMlp
from app.science.baselines.methods.lightgbm import LightGbm
from app.science.baselines.methods.ridge import Ridge
from app.science.evaluation.metrics import headline
from app.science.relu_network.evaluate import predict
from app.science.relu_network.network import Task

SMALL = AdamMlp(learning_rates=(3e-3,), widths=((16,), (48, 48)))


def problem(task: Task, n: int = 750) -> tuple[Problem, np.ndarray]:
    """A ring-shaped target in 3 dimensions and a useless column; and its test targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    x[:, 2] = 1.0
    ring = 100.0 + 10.0 * np.cos(2.0 * np.hypot(x[:, 0], x[:, 1])) + 0.3 * rng.normal(size=n)
    cuts = {"regression": [], "binary": [100.0], "multiclass": [97.0, 103.0]}[task]
    y = np.digitize(ring, cuts) if cuts else ring
    a, b = n * 6 // 10, n * 8 // 10
    n_classes = len(cuts) + 1 if cuts else 0
    return Problem(task, n_classes, x[:a], y[:a], x[a:b], y[a:b], x[b:]), y[b:]


NO_LIMIT = 1e6  # a budget that binds shortens the run by the machine's speed


@functools.cache
def small_mlp(task: Task) -> BaselineResult:
    return SMALL.run(problem(task)[0], seed=1, budget_seconds=NO_LIMIT)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_mlp_beats_ridge_on_a_ring(task: Task) -> None:
    data, truth = problem(task)
    mlp = small_mlp(task)
    ridge = Ridge().run(data, seed=0, budget_seconds=1.0)
    error = headline(task, truth, mlp.prediction_test)
    assert error < 0.5 * headline(task, truth, ridge.prediction_test)
    for result in (mlp, ridge):
        if task != "regression":
            assert result.prediction_test.shape == (len(truth), data.n_classes)
            np.testing.assert_allclose(result.prediction_test.sum(axis=1), 1.0)


def test_the_mlp_repeats_with_its_seed() -> None:
    data, _ = problem("regression")
    first = small_mlp("regression")
    again = SMALL.run(data, seed=1, budget_seconds=NO_LIMIT)
    other = AdamMlp((3e-3,), ((8,),)).run(data, seed=2, budget_seconds=1.0)
    np.testing.assert_array_equal(first.prediction_test, again.prediction_test)
    assert first.settings == again.settings
    assert not np.array_equal(first.prediction_test, other.prediction_test)


def test_the_mlp_accounts_for_its_time() -> None:
    result = small_mlp("regression")
    assert result.validation_metric == min(point.headline for point in result.curve)
    seconds = [point.seconds for point in result.curve]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= result.seconds_final < result.seconds_total
    assert result.settings["runs"] == 2 + 1 + 1


def test_the_mlp_keeps_to_its_budget() -> None:
    data, _ = problem("regression", n=20_000)
    hurried = AdamMlp().run(data, seed=0, budget_seconds=1e-6)
    assert len(hurried.curve) == 1
    assert np.isfinite(hurried.prediction_test).all()


def test_ridge_is_the_least_squares_solution_when_nothing_is_noisy() -> None:
    data, _ = problem("regression")
    slope = np.array([2.0, -1.0, 0.0])
    exact = Problem(
        "regression", 0, data.train_x, data.train_x @ slope, data.validation_x,
        data.validation_x @ slope, data.test_x,
    )  # fmt: skip
    result = Ridge().run(exact, seed=0, budget_seconds=1.0)
    np.testing.assert_allclose(result.prediction_test, data.test_x @ slope, atol=1e-6)
    assert result.n_parameters == 4


@pytest.mark.parametrize("name", BASELINES.names())
def test_a_baseline_names_its_source_and_itself(name: str) -> None:
    baseline = BASELINES.get(name)
    module = inspect.getmodule(baseline)
    assert module is not None
    assert "Source:" in (module.__doc__ or "")
    data, _ = problem("regression", n=200)
    assert baseline().run(data, seed=0, budget_seconds=0.5).name == name


QUICK_TREES = LightGbm(leaves=(15, 7), max_rounds=200, patience=20)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_trees_beat_ridge_on_a_ring_and_keep_the_better_candidate(task: Task) -> None:
    data, truth = problem(task, n=1500)
    trees = QUICK_TREES.run(data, seed=0, budget_seconds=NO_LIMIT)
    ridge = Ridge().run(data, seed=0, budget_seconds=1.0)

    assert headline(task, truth, trees.prediction_test) < 0.5 * headline(
        task, truth, ridge.prediction_test
    )
    assert len(trees.curve) == 2
    assert trees.validation_metric == min(point.headline for point in trees.curve)


def test_trees_without_time_are_one_candidate() -> None:
    data, _ = problem("binary", n=300)
    assert len(QUICK_TREES.run(data, seed=0, budget_seconds=0.0).curve) == 1


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_baselines_network_predicts_what_the_baseline_does(task: Task) -> None:
    data, _ = problem(task)
    trees = QUICK_TREES.run(data, seed=0, budget_seconds=NO_LIMIT)
    for result, tolerance in ((small_mlp(task), 1e-4), (trees, 1e-6)):
        again = predict(result.network, data.test_x)
        np.testing.assert_allclose(again, result.prediction_test, rtol=tolerance, atol=tolerance)
    ridge = Ridge().run(data, seed=0, budget_seconds=1.0)
    again = predict(ridge.network, data.test_x)
    if task == "regression":
        np.testing.assert_allclose(again, ridge.prediction_test, rtol=1e-5)
    else:
        kept = ridge.prediction_test.max(axis=1) > 1e-2
        np.testing.assert_array_equal(
            again.argmax(axis=1)[kept], ridge.prediction_test.argmax(axis=1)[kept]
        )


def test_checkpoints_lead_from_the_first_epoch_to_an_error_near_the_last() -> None:
    _, truth = problem("regression")
    result = small_mlp("regression")
    seconds = [checkpoint.seconds for checkpoint in result.checkpoints]
    errors = [headline("regression", truth, c.prediction_test) for c in result.checkpoints]

    assert seconds == sorted(seconds)
    assert seconds[-1] <= result.seconds_final
    assert errors[-1] < 0.5 * errors[0]
    assert errors[-1] == headline("regression", truth, result.prediction_test)
