"""Acceptance tests A5 and A15: the error falls with the motifs, and no step is gradient descent."""

import numpy as np
import pytest
import torch

from app.science.linalg import Floats
from app.science.mimicry import teacher as teachers
from app.science.mimicry.transfer import corrected
from app.science.relu_network.evaluate import predict_raw

MOTIFS = (20, 40, 80, 160, 320)
SMOOTHNESS, DIMENSION = 2.0, 2
"""The smoothness that a ReLU network can use here, and the columns of the rows."""


def smooth(x: Floats) -> Floats:
    return np.asarray(np.sin(2.0 * x[:, 0]) * np.cos(1.5 * x[:, 1]) + 0.3 * x[:, 0] * x[:, 1])


def test_the_largest_error_falls_with_the_number_of_motifs() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(-1.5, 1.5, (3000, DIMENSION))
    inside = rng.uniform(-1.4, 1.4, (2000, DIMENSION))
    errors = []
    for n_motifs in MOTIFS:
        teacher = teachers.fit(x, smooth(x), "regression", seed=0, max_centers=n_motifs)
        network, _ = corrected(teacher, x, smooth(x), seed=0, names=())
        gap = predict_raw(network, inside, dtype=torch.float64)[:, 0] - smooth(inside)
        errors.append(np.abs(gap).max())

    slope = np.polyfit(np.log(MOTIFS), np.log(errors), 1)[0]

    assert slope <= -0.8 * SMOOTHNESS / DIMENSION
    assert errors[-1] < 0.01


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_no_step_is_gradient_descent(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an optimizer of torch was made")

    monkeypatch.setattr(torch.optim.Optimizer, "__init__", refuse)
    rng = np.random.default_rng(4)
    x = rng.normal(size=(900, 3))
    latent = smooth(x) + (x[:, 2] > 0.0)
    y = latent if task == "regression" else (latent > 0.5).astype(np.int64)
    classes = () if task == "regression" else ("no", "yes")

    teacher = teachers.fit(x, y, task, classes=classes, seed=0)  # type: ignore[arg-type]
    network, report = corrected(teacher, x, y, seed=0)

    assert report.validation_loss < 0.6 * (teacher.ridge_validation_loss or 1.0)
    assert network.n_parameters > 0
