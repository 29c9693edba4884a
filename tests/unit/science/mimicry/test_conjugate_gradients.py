"""The iterative out-of-fold ridge against the direct one, and where each is taken."""

import numpy as np
import pytest

from app.science.linalg import effective_dof
from app.science.mimicry import conjugate_gradients as iterative
from app.science.mimicry.conjugate_gradients import IterativeFit, iterative_fit, iterative_pays
from app.science.mimicry.cross_fit import CrossFit, cross_fit
from app.science.mimicry.head import Features
from app.science.mimicry.kernels import kernel_matrix

N, P, CENTERS = 900, 4, 60
PENALTY = 1e-5


def data(n_outputs: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows far from the origin, so that lost digits would show, and targets with means."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N, P)) + 30.0
    y = np.sin(x[:, :n_outputs] * 2.0) + 0.1 * rng.normal(size=(N, n_outputs)) + 5.0
    return x, y, rng.permutation(N)


def kernel_features(points: np.ndarray, rows: np.ndarray) -> Features:
    """The rows themselves and a kernel on the first of them."""
    centers = points[rows[:CENTERS]]

    def compute(part: np.ndarray) -> np.ndarray:
        return np.hstack([part, kernel_matrix("laplace", part, centers, 4.0)])

    square = kernel_matrix("laplace", centers, centers, 4.0) + 1e-5 * np.eye(CENTERS)
    made_of = np.r_[np.full(P, -1), np.arange(CENTERS)]
    return Features(compute, P + CENTERS, square=square, square_at=P, made_of=made_of)


def pair(n_outputs: int = 1, **options: float) -> tuple[CrossFit, IterativeFit]:
    """The same fit both ways."""
    x, y, rows = data(n_outputs)
    features = kernel_features(x, rows)
    found = iterative_fit(
        features, x, y, rows, cache_bytes=int(options.pop("cache", 2**30)), **options
    )
    return cross_fit(features, x, y, rows), found


def difference(left: np.ndarray, right: np.ndarray) -> float:
    """Root mean square of the difference, relative to the spread of the first."""
    return float(np.sqrt(((left - right) ** 2).mean()) / left.std())


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("cache", [0, 2**30])
def test_out_of_fold_outputs_equal_the_direct_ones(n_outputs: int, cache: int) -> None:
    direct, found = pair(n_outputs, tolerance=1e-9, cache=cache)

    expected, solution = direct.solution(PENALTY), found.solution(PENALTY)

    assert np.array_equal(expected.rows, solution.rows)
    assert difference(expected.outputs, solution.outputs) < 1e-7


def test_final_weights_predict_as_the_direct_ones() -> None:
    direct, found = pair(tolerance=1e-9)

    expected = direct.predict(direct.X, *direct.solution(PENALTY).final)
    outputs = found.predict(found.X, *found.solution(PENALTY).final)

    assert difference(expected, outputs) < 1e-7


def test_the_losses_of_several_penalties_come_from_the_same_passes() -> None:
    direct, found = pair(tolerance=1e-9)
    penalties = [1e-3, 1e-4, 1e-5]

    def loss(outputs: np.ndarray, rows: np.ndarray) -> float:
        return float(((outputs - direct.columns[rows]) ** 2).mean())

    losses = list(found.losses(penalties, loss))

    assert losses == pytest.approx(list(direct.losses(penalties, loss)), rel=1e-6)
    assert len(found.steps) == 1
    found.solution(1e-4)
    assert len(found.steps) == 1


def test_the_leading_features_fit_as_if_there_were_no_others() -> None:
    direct, found = pair(tolerance=1e-9)

    expected = direct.leading(P + 20).solution(PENALTY).outputs
    outputs = found.leading(P + 20).solution(PENALTY).outputs

    assert difference(expected, outputs) < 1e-7


def test_a_preconditioner_of_all_rows_needs_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterative, "SAMPLE_ROWS_PER_FEATURE", N)
    _, found = pair(tolerance=1e-6)

    found.effective_dof(PENALTY, np.random.default_rng(0))

    assert found.steps == [1]


def test_the_effective_dof_is_the_exact_one_within_a_few_percent() -> None:
    direct, found = pair()
    exact = effective_dof(direct.total, direct.features.penalty(direct.total), PENALTY)

    for fit in (direct, found):
        assert fit.effective_dof(PENALTY, np.random.default_rng(0)) == pytest.approx(
            exact, rel=0.05
        )


def test_equal_features_need_a_penalty() -> None:
    x, y, rows = data()
    twice = Features(lambda part: np.hstack([part, part]), 2 * P)
    found = iterative_fit(twice, x, y, rows)

    assert found.weights(0.0) is None
    with pytest.raises(np.linalg.LinAlgError):
        found.solution(0.0)


def test_a_constant_target_has_no_weights_but_its_intercept() -> None:
    x, y, rows = data()
    found = iterative_fit(kernel_features(x, rows), x, np.full_like(y, 7.0), rows)

    weights, intercept = found.solution(PENALTY).final

    assert np.abs(weights).max() == 0.0
    assert intercept == pytest.approx([7.0])


def test_many_features_are_iterated_and_few_are_summed() -> None:
    assert not iterative_pays(n_rows=1_000_000, width=3_000, n_outputs=1)
    assert iterative_pays(n_rows=1_000_000, width=20_000, n_outputs=1)


def test_kept_features_are_iterated_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"n_rows": 100_000, "width": 5_000, "n_outputs": 1}
    assert not iterative_pays(**size)

    monkeypatch.setattr(iterative, "CACHE_BYTES", 2**33)

    assert iterative_pays(**size)


def test_gram_matrices_beyond_the_memory_are_never_made() -> None:
    assert iterative_pays(n_rows=100_000, width=6_000, n_outputs=10)


def test_few_rows_a_feature_are_summed() -> None:
    assert not iterative_pays(n_rows=20_000, width=6_000, n_outputs=1)


def test_a_small_problem_is_fitted_directly() -> None:
    x, y, rows = data()

    assert isinstance(iterative.fit(kernel_features(x, rows), x, y, rows), CrossFit)


def test_a_problem_where_iterating_pays_is_iterated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterative, "MOST_BYTES", 1)
    x, y, rows = data()

    assert isinstance(iterative.fit(kernel_features(x, rows), x, y, rows), IterativeFit)
