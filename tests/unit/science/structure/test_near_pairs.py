import numpy as np
import pytest

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.structure.near_pairs import NearPairs, near_pairs


def pairs_of(points: np.ndarray, y: np.ndarray) -> NearPairs:
    return near_pairs(points, y, np.random.default_rng(1))


def test_every_pair_in_the_shells_is_counted_at_both_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    points, y = rng.standard_normal((300, 3)), rng.standard_normal(300)
    found = pairs_of(points, y)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    inside = (distance > 0) & (distance < np.exp(found.log_distances.sum() / found.counts.sum()))

    # The pairs nearer than the mean log distance lie in the first shells, symmetric by row.
    assert found.counts.sum() % 2 == 0
    assert found.counts.sum() > inside.sum() > 0
    second = found.powers[2].sum() / found.counts.sum()
    near = distance[np.triu_indices(300, 1)]
    gaps = (y[:, None] - y[None])[np.triu_indices(300, 1)] ** 2
    reach = np.sort(near)[int(found.counts.sum() / 2) - 1]
    assert second == pytest.approx(gaps[near <= reach].mean(), rel=0.15)


def test_the_nearest_row_is_not_a_copy() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((400, 2))
    y = rng.standard_normal(400)
    once = pairs_of(points, y)
    twice = pairs_of(np.vstack([points, points]), np.concatenate([y, y]))

    assert twice.nearest.squares[:400] == pytest.approx(once.nearest.squares, rel=1e-6)


def test_a_far_origin_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    points, y = rng.standard_normal((400, 2)), rng.standard_normal(400)

    assert pairs_of(points + 1e5, y).counts.sum(axis=0) == pytest.approx(
        pairs_of(points, y).counts.sum(axis=0), abs=4
    )


def test_too_few_rows_and_ties_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(TooFewRows):
        pairs_of(rng.standard_normal((50, 2)), np.zeros(50))
    with pytest.raises(DegenerateDistances):
        pairs_of(np.repeat(np.eye(2), 200, axis=0), np.zeros(400))
