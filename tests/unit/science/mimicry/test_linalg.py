"""Ridge by GCV against brute force, and the float64 sums on badly scaled data."""

import numpy as np
import pytest

from app.science.linalg import (
    PENALTIES,
    GramSums,
    effective_dof,
    gram_sums,
    ridge_gcv,
    ridge_path,
    variances,
)


def data(n: int = 120, m: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, m)) * 10.0 ** rng.uniform(-2, 2, m) + 5.0
    targets = features @ rng.normal(size=(m, 2)) / np.abs(features).max() + rng.normal(size=(n, 2))
    return features, targets


def smoother(features: np.ndarray, metric: np.ndarray, penalty: float) -> np.ndarray:
    centered = features - features.mean(axis=0)
    inner = np.linalg.solve(
        centered.T @ centered / len(features) + penalty * metric, centered.T / len(features)
    )
    return np.asarray(centered @ inner + 1.0 / len(features))


def sums_of(features: np.ndarray, targets: np.ndarray, step: int = 17) -> GramSums:
    return gram_sums(
        (features[i : i + step], targets[i : i + step]) for i in range(0, len(features), step)
    )


def test_gcv_and_dof_equal_the_smoother_matrix() -> None:
    features, targets = data()
    sums = sums_of(features, targets)

    fit = ridge_gcv(sums, penalties=[0.1])

    hat = smoother(features, np.diag(features.var(axis=0)), 0.1)
    dof = np.trace(hat)
    gcv = ((targets - hat @ targets) ** 2).mean(axis=0).sum() / (1 - dof / len(features)) ** 2
    assert fit.effective_dof == pytest.approx(dof)
    assert fit.gcv == pytest.approx(gcv)
    assert features @ fit.weights + fit.intercept == pytest.approx(hat @ targets)


def test_gcv_picks_nearly_the_penalty_of_leave_one_out() -> None:
    features, targets = data(n=200)
    fit = ridge_gcv(sums_of(features, targets), one_standard_error=False)

    def left_out(penalty: float) -> float:
        hat = smoother(features, np.diag(features.var(axis=0)), penalty)
        return float((((targets - hat @ targets) / (1 - np.diag(hat))[:, None]) ** 2).sum())

    assert left_out(fit.penalty) <= 1.02 * min(left_out(p) for p in PENALTIES)


def test_a_full_penalty_matrix_equals_its_normal_equations() -> None:
    features, targets = data()
    factor = np.random.default_rng(1).normal(size=(8, 8))
    metric = factor @ factor.T + np.eye(8)

    by_eigen = ridge_gcv(sums_of(features, targets), metric, penalties=[0.3])
    by_cholesky = next(ridge_path(sums_of(features, targets), metric, penalties=[0.3]))

    hat = smoother(features, metric, 0.3)
    assert features @ by_eigen.weights + by_eigen.intercept == pytest.approx(hat @ targets)
    assert features @ by_cholesky.weights + by_cholesky.intercept == pytest.approx(hat @ targets)
    assert effective_dof(sums_of(features, targets), metric, 0.3) == pytest.approx(np.trace(hat))


def test_the_one_standard_error_rule_only_goes_up() -> None:
    sums = sums_of(*data(n=300, seed=3))

    cautious, least = ridge_gcv(sums), ridge_gcv(sums, one_standard_error=False)

    assert cautious.penalty >= least.penalty
    assert cautious.gcv <= least.gcv * (1 + np.sqrt(2 / 300)) + 1e-12


def test_float64_sums_survive_bad_scales_and_offsets() -> None:
    rng = np.random.default_rng(4)
    features = rng.normal(size=(500, 3))
    targets = features @ np.array([[1.0], [2.0], [-1.0]])
    bad = features * np.array([1e-5, 1.0, 1e5]) + np.array([0.0, 1e6, 1e7])

    fit = ridge_gcv(sums_of(bad, targets), penalties=[1e-10])

    assert bad @ fit.weights + fit.intercept == pytest.approx(targets, abs=1e-5)


def test_sums_of_blocks_equal_the_whole() -> None:
    features, targets = data()

    blocked, whole = sums_of(features, targets, step=13), sums_of(features, targets, step=10**6)

    assert blocked.gram == pytest.approx(whole.gram)
    assert blocked.cross == pytest.approx(whole.cross)


def test_a_constant_feature_stays_solvable() -> None:
    features, targets = data()
    features[:, 3] = 7.0
    sums = sums_of(features, targets)

    assert (variances(sums) > 0).all()
    assert np.isfinite(ridge_gcv(sums).weights).all()
