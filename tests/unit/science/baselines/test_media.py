"""Networks trained by SGD on images and point sets."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.science.baselines import race
from app.science.baselines.annealed import Cycle, Run, predict, prepared, train
from app.science.baselines.media import FAMILIES, MediaProblem
from app.science.baselines.networks import cnn
from app.science.evaluation.metrics import headline
from app.science.relu_network.network import Task

NO_LIMIT = 1e6
N = 300


def split(task: Task, inputs: np.ndarray, y: np.ndarray) -> tuple[MediaProblem, np.ndarray]:
    """The last third is for testing; and its targets."""
    train_rows, validation = np.arange(N // 2), np.arange(N // 2, 2 * N // 3)
    n_classes = 0 if task == "regression" else 2
    kept = 2 * N // 3
    problem = MediaProblem(
        task, n_classes, inputs[:kept], y[:kept], train_rows, validation, inputs[kept:]
    )
    return problem, y[kept:]


def stripes(task: Task) -> tuple[MediaProblem, np.ndarray]:
    """Stripes along or across a noisy image; the number is their strength."""
    rng = np.random.default_rng(0)
    across, strength = rng.integers(0, 2, N), rng.uniform(20, 100, N)
    wave = np.sin(np.arange(16) * np.pi / 2)
    one = np.where(across[:, None, None], wave[None, :, None], wave[None, None, :])
    pixels = 128 + strength[:, None, None] * one + 10 * rng.normal(size=(N, 16, 16))
    images = np.clip(pixels, 0, 255).astype(np.uint8)[..., None]
    return split(task, images, strength if task == "regression" else across)


def balls(task: Task) -> tuple[MediaProblem, np.ndarray]:
    """Balls and shells of 20 to 30 points; the number is their radius."""
    rng = np.random.default_rng(1)
    shell, radius = rng.integers(0, 2, N), rng.uniform(1, 3, N)
    points = rng.normal(size=(N, 30, 3))
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    depth = np.where(shell[:, None], 1.0, rng.uniform(0, 1, (N, 30)) ** (1 / 3))
    points *= (radius[:, None] * depth)[:, :, None]
    points[np.arange(30) >= rng.integers(20, 31, N)[:, None]] = np.nan
    return split(task, points.astype(np.float32), radius if task == "regression" else shell)


def trained(name: str, problem: MediaProblem, cycle: Cycle, rate: float = 1.0) -> Run:
    """The family's first candidate; ``rate`` multiplies its own."""
    family = FAMILIES.get(name)
    data = prepared(problem, family, seed=3, device="cpu")
    first = family.candidates(problem)[0]
    return train(data, replace(first, rate=rate * first.rate), cycle, seed=3)


def predicted(name: str, problem: MediaProblem, run: Run) -> np.ndarray:
    data = prepared(problem, FAMILIES.get(name), seed=3, device="cpu")
    return predict(data, run.model, problem.test)


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize(
    ("name", "made", "n_steps"), [("cnn", stripes, 60), ("point_net", balls, 150)]
)
def test_a_network_learns_within_its_steps(
    name: str, made: Callable[[Task], tuple[MediaProblem, np.ndarray]], n_steps: int, task: Task
) -> None:
    problem, truth = made(task)
    run = trained(name, problem, Cycle(n_steps, NO_LIMIT))
    prediction = predicted(name, problem, run)

    guess = np.full(len(truth), problem.y.mean())
    chance = headline(task, truth, guess) if task == "regression" else 0.5
    assert headline(task, truth, prediction) < 0.5 * chance
    assert (run.n_steps, run.ended) in {(n_steps, "planned"), (run.n_steps, "early")}
    assert run.best == min(run.curve, key=lambda point: (point.headline, point.loss))
    assert run.improved[-1][0] == run.best.seconds


def test_the_same_seed_gives_the_same_network_and_no_global_one_is_used() -> None:
    problem, _ = balls("binary")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again = (trained("point_net", problem, Cycle(20, NO_LIMIT)) for _ in range(2))
    np.testing.assert_array_equal(
        predicted("point_net", problem, first), predicted("point_net", problem, again)
    )
    assert torch.equal(before, torch.get_rng_state())


def test_a_budget_of_nothing_still_gives_a_prediction_and_its_price() -> None:
    problem, truth = stripes("binary")
    found = race.run("cnn", problem, seed=0, budget_seconds=1e-6)
    assert found.settings["ended"] == "time"
    assert found.settings["epochs_trained"] == 0
    assert found.prediction_test.shape == (len(truth), 2)
    np.testing.assert_allclose(found.prediction_test.sum(axis=1), 1.0)
    assert found.seconds_final <= found.seconds_total
    assert found.checkpoints[-1].seconds == found.curve[-1].seconds
    assert found.validation_metric == found.curve[-1].headline


def test_a_network_that_diverges_answers_with_finite_numbers() -> None:
    problem, _ = balls("regression")
    run = trained("point_net", problem, Cycle(20, NO_LIMIT), rate=1e30)
    assert np.isfinite(predicted("point_net", problem, run)).all()
    assert np.isfinite(run.best.loss)


def test_padding_moves_no_point_and_their_order_changes_no_answer() -> None:
    problem, _ = balls("binary")
    read = FAMILIES.get("point_net").reader(problem)
    few = problem.test[:5, :20]  # points that every set has
    padded = np.concatenate([few, np.full((5, 7, 3), np.nan, np.float32)], axis=1)
    filled = read(padded).numpy()[:, _first_of_each(20)]
    np.testing.assert_allclose(read(few).numpy(), filled, atol=1e-6)
    with torch.no_grad():
        model = FAMILIES.get("point_net").candidates(problem)[0].make().eval()
        straight, turned = model(read(few)), model(read(few[:, ::-1]))
    np.testing.assert_allclose(straight, turned, atol=1e-5)


def _first_of_each(n_points: int, wanted: int = 27) -> np.ndarray:
    """Where each point of a set stands first when it is repeated to fill ``wanted`` places."""
    return np.unique(np.arange(wanted) * n_points // wanted, return_index=True)[1]


def test_mirror_images_are_shown_only_where_the_target_allows_it() -> None:
    images = torch.arange(64.0).reshape(1, 1, 8, 8).expand(32, 1, 8, 8)

    def flipped(*, mirrored: bool) -> int:
        shown = cnn.varied(images, np.random.default_rng(0), mirrored=mirrored, padding=0)
        return int((shown[:, 0, 0, 0] == 7.0).sum())

    assert flipped(mirrored=False) == 0
    assert 0 < flipped(mirrored=True) < 32


@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_sets_keep_their_distances(mirrored: bool) -> None:
    problem = replace(balls("binary")[0], turned=True, mirrored=mirrored)
    family = FAMILIES.get("point_net")
    batch = family.reader(problem)(problem.test[:40, :20])
    shown = family.varied(batch, problem, np.random.default_rng(0))
    torch.testing.assert_close(torch.cdist(shown, shown), torch.cdist(batch, batch))
    assert not torch.allclose(shown, batch)
    frames = torch.linalg.lstsq(batch, shown).solution
    assert bool((torch.linalg.det(frames) < 0).any()) is mirrored
