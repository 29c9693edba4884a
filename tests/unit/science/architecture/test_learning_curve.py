"""The curve of a cheap teacher falls with the rows, and its errors are of the right size."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.science.architecture import learning_curve as curves
from app.science.errors import TooFewRows

Floats = NDArray[np.float64]


def smooth(n: int, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1.0, 1.0, (n, 3))
    return rows, np.sin(3.0 * rows).sum(axis=1) * 10.0 + rng.normal(size=n)


def test_the_loss_falls_towards_the_noise() -> None:
    curve = curves.measure(*smooth(2100), "regression")

    assert (np.diff(curve.losses) < 0.0).all()
    assert curve.losses[-1] == pytest.approx(1.0, rel=0.25)
    assert curve.sizes[-1] == 1680
    assert len(curve.sizes) == curves.N_SIZES


def test_classes_are_judged_by_their_log_loss() -> None:
    rows, values = smooth(500)
    noisy = np.random.default_rng(1).uniform(size=500) < 0.1

    curve = curves.measure(rows, ((values > 0) ^ noisy).astype(np.int64), "binary")

    assert curve.losses[-1] < curve.losses[0]
    assert 0.3 < curve.losses[-1] < 0.65  # the noise alone costs 0.325 nats


def test_the_sampling_error_covers_another_table() -> None:
    first, second = (curves.measure(*smooth(200, seed), "regression") for seed in (0, 1))

    error = np.sqrt(first.covariance[-1, -1] + second.covariance[-1, -1])
    assert abs(first.losses[-1] - second.losses[-1]) < 3.0 * error
    assert error < 0.5 * first.losses[-1]
    assert np.linalg.eigvalsh(first.covariance).min() > 0.0


def test_the_unit_of_the_target_does_not_matter() -> None:
    rows, values = smooth(200)

    plain, scaled = (curves.measure(rows, factor * values, "regression") for factor in (1.0, 100.0))

    assert scaled.losses == pytest.approx(1e4 * plain.losses, rel=1e-6)
    assert scaled.covariance == pytest.approx(1e8 * plain.covariance, rel=1e-6)


def test_progress_names_the_sizes() -> None:
    said: list[str] = []

    curves.measure(*smooth(200), "regression", progress=lambda _, text: said.append(text))

    assert said[-1] == "learning curve at 160 rows"


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(TooFewRows):
        curves.measure(*smooth(199), "regression")
