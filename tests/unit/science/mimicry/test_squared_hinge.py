"""Steps from least squares to the squared hinge, and networks that end where targets do."""

import json

import numpy as np
import pytest
import torch

from app.science.mimicry import squared_hinge, transfer
from app.science.mimicry import teacher as teachers
from app.science.mimicry.certificate import certify
from app.science.mimicry.cross_fit import N_FOLDS, CrossFit, Loss, Solution, cross_fit
from app.science.mimicry.head import Features
from app.science.mimicry.kernels import kernel_matrix
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.target import Ends, make
from app.science.relu_network.evaluate import predict_raw

N, CENTERS, PENALTY = 600, 80, 1e-6


def censored(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth function that is cut off at both sides, on the plane."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2.0, 2.0, (N, 2))
    latent = 3.0 * np.sin(1.5 * x[:, 0]) + 2.0 * x[:, 1] + 0.1 * rng.normal(size=N)
    return x, np.clip(latent, -1.0, 1.0)


def fitted(x: np.ndarray, columns: np.ndarray) -> CrossFit:
    centers = x[:CENTERS]
    square = kernel_matrix("gauss", centers, centers, 1.0) + 1e-5 * np.eye(CENTERS)

    def compute(rows: np.ndarray) -> np.ndarray:
        return kernel_matrix("gauss", rows, centers, 1.0)

    features = Features(compute, CENTERS, square=square, made_of=np.arange(CENTERS))
    return cross_fit(features, x, columns, np.arange(N))


def clipped_loss(columns: np.ndarray, ends: Ends) -> Loss:
    return lambda outputs, rows: float(((ends.clip(outputs) - columns[rows]) ** 2).mean())


def test_a_censored_target_is_fitted_better() -> None:
    x, y = censored()
    ends, loss = Ends(-1.0, 1.0), clipped_loss(y[:, None], Ends(-1.0, 1.0))
    fit = fitted(x, y[:, None])
    plain = fit.solution(PENALTY)

    found = squared_hinge.descend(fit, PENALTY, ends, loss)

    assert found.steps > 0
    assert loss(found.outputs, found.rows) < 0.7 * loss(plain.outputs, plain.rows)


def test_without_ends_least_squares_stays() -> None:
    x, y = censored()
    fit = fitted(x, y[:, None])
    plain = fit.solution(PENALTY)

    found = squared_hinge.descend(fit, PENALTY, Ends(), clipped_loss(y[:, None], Ends()))

    assert found.steps == 0
    np.testing.assert_allclose(found.outputs, plain.outputs, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.final[0], plain.final[0], rtol=1e-9, atol=1e-9)


def test_no_row_moves_its_own_output() -> None:
    x, y = censored()
    ends = Ends(-1.0, 1.0)
    fold = slice(0, N, N_FOLDS)
    other = y.copy()
    other[fold] = -y[fold]

    def after_all_steps(target: np.ndarray) -> Solution:
        falling = iter(0.5 ** np.arange(9))
        return squared_hinge.descend(
            fitted(x, target[:, None]), PENALTY, ends, lambda *_: float(next(falling))
        )

    first, second = after_all_steps(y), after_all_steps(other)

    assert first.steps == squared_hinge.CHECKS[-1]
    own = len(y[fold])
    np.testing.assert_allclose(first.outputs[:own], second.outputs[:own], atol=1e-7)
    assert np.abs(first.outputs[own:] - second.outputs[own:]).max() > 0.1


def test_moved_targets_are_the_outputs_beyond_the_ends() -> None:
    columns = np.array([[-1.0], [0.0], [1.0], [1.0]])
    outputs = np.array([[-3.0], [5.0], [2.0], [0.5]])

    moved = Ends(-1.0, 1.0).moved(columns, outputs)

    np.testing.assert_array_equal(moved, [[-3.0], [0.0], [2.0], [1.0]])
    np.testing.assert_array_equal(Ends(high=1.0).moved(columns, outputs)[0], [-1.0])


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        (np.arange(100.0), Ends()),
        (np.maximum(np.arange(100.0), 50.0), Ends(low=50.0)),
        (np.clip(np.arange(100.0), 10.0, 90.0), Ends(10.0, 90.0)),
    ],
)
def test_a_target_has_ends_where_it_piles_up(values: np.ndarray, ends: Ends) -> None:
    target = make(values, "regression")

    assert target.limits.scaled(target.scale, target.center).sides == pytest.approx(ends.sides)


def test_the_network_ends_where_the_target_does() -> None:
    x, y = censored()
    teacher = teachers.fit(x, 40.0 + 10.0 * y, "regression", seed=0)
    document = json.loads(json.dumps(teacher.to_json(), allow_nan=False))
    again = teachers.from_tensors(document, teacher.to_tensors())

    copy, _ = transfer.transfer(again, x, 40.0 + 10.0 * y, TransferPlan(n_motifs=50), seed=0)
    mended, _ = transfer.corrected(again, x, 40.0 + 10.0 * y, seed=0)
    outputs = predict_raw(copy, x, dtype=torch.float64)

    assert again.limits == teacher.limits
    assert outputs.min() == pytest.approx(30.0)
    assert outputs.max() == pytest.approx(50.0)
    assert np.abs(predict_raw(mended, 9.0 * x, dtype=torch.float64) - 40.0).max() <= 10.0 + 1e-9
    assert outputs[:, 0] == pytest.approx(again.predict(x), abs=0.2)
    proof = certify(again, copy, x, seed=0)
    assert proof.certified_sup is not None
    assert proof.observed_max <= proof.certified_sup
