"""Neighbors equal a float64 brute force, whatever the offset, the blocks or the queries."""

import numpy as np
import pytest
import torch

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.duplicates import first_occurrences
from app.science.intrinsic_dimension.neighbors import Neighbors, exact_neighbors
from app.science.intrinsic_dimension.search import smallest
from tests.unit.science.intrinsic_dimension.clouds import Points, cube, gauss


def brute_force(points: Points, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    squared = ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=-1)
    np.fill_diagonal(squared, np.inf)
    order = np.argsort(squared, axis=1)[:, :k]
    distances = np.sqrt(np.take_along_axis(squared, order, axis=1))
    return torch.from_numpy(distances), torch.from_numpy(order)


@pytest.mark.parametrize("offset", [0.0, 1000.0, -1e6])
def test_equal_a_float64_brute_force(offset: float) -> None:
    points = gauss(400, 6) + offset
    distances, indices = brute_force(points, 15)

    found = exact_neighbors(torch.from_numpy(points), 15)

    assert torch.allclose(found.distances, distances, rtol=1e-9)
    assert torch.equal(found.indices, indices)


def test_far_apart_clusters_lose_no_digits() -> None:
    points = gauss(300, 4)
    points[150:] += 1e5
    distances, _ = brute_force(points, 10)

    found = exact_neighbors(torch.from_numpy(points), 10)

    assert torch.allclose(found.distances, distances, rtol=1e-9)


def test_float32_points_give_float64_distances() -> None:
    points = (cube(300, 5) + 1000.0).astype(np.float32)
    distances, _ = brute_force(points.astype(np.float64), 8)

    found = exact_neighbors(torch.from_numpy(points), 8)

    assert found.distances.dtype == torch.float64
    assert torch.allclose(found.distances, distances, rtol=1e-9)


def test_blocks_change_nothing() -> None:
    points = torch.from_numpy(gauss(500, 7))

    small = exact_neighbors(points, 12, memory_bytes=20_000)
    large = exact_neighbors(points, 12)

    assert torch.equal(small.distances, large.distances)
    assert torch.equal(small.indices, large.indices)


def test_a_query_subsample_keeps_every_reference() -> None:
    points = torch.from_numpy(gauss(600, 5))
    every = exact_neighbors(points, 10)

    some = exact_neighbors(points, 10, queries=80, seed=3)

    assert some.distances.shape == (80, 10)
    assert some.n_references == 600
    assert torch.equal(some.distances, every.distances[some.query_rows])


def test_the_seed_decides_the_queries() -> None:
    points = torch.from_numpy(gauss(300, 3))

    first, again, other = (exact_neighbors(points, 3, queries=50, seed=s) for s in (1, 1, 2))

    assert torch.equal(first.query_rows, again.query_rows)
    assert not torch.equal(first.query_rows, other.query_rows)


def test_duplicates_are_dropped_and_counted() -> None:
    points = gauss(200, 4)
    doubled = torch.from_numpy(np.vstack([points, points[:30]]))

    found = exact_neighbors(doubled, 5)

    assert found.n_duplicates == 30
    assert torch.equal(found.distances, exact_neighbors(torch.from_numpy(points), 5).distances)


def test_first_occurrences_agree_with_numpy_on_integers() -> None:
    points = np.random.default_rng(0).integers(-2, 3, (500, 3)).astype(np.float64)
    _, first = np.unique(points, axis=0, return_index=True)

    kept = first_occurrences(torch.from_numpy(points))

    assert kept.tolist() == sorted(first.tolist())


def test_progress_ends_at_one_and_never_falls() -> None:
    shares: list[float] = []

    exact_neighbors(torch.from_numpy(gauss(300, 3)), 4, memory_bytes=20_000, progress=shares.append)

    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_too_few_distinct_rows_are_refused() -> None:
    with pytest.raises(TooFewRows):
        exact_neighbors(torch.ones(20, 2), 3)


def test_points_that_are_not_finite_are_refused() -> None:
    points = torch.from_numpy(gauss(20, 2))
    points[3, 1] = torch.nan

    with pytest.raises(DegenerateDistances):
        exact_neighbors(points, 3)


def test_zero_distances_are_refused_at_birth() -> None:
    rows = torch.zeros(1, 1, dtype=torch.int64)

    with pytest.raises(DegenerateDistances):
        Neighbors(torch.zeros(1, 1), rows, rows[0], n_references=2)


@pytest.mark.parametrize(("width", "count"), [(7, 3), (40, 40), (500, 9), (1003, 20), (9000, 5)])
def test_the_smallest_are_found_through_groups(width: int, count: int) -> None:
    generator = torch.Generator().manual_seed(width)
    values = torch.rand(12, width, generator=generator)

    found, columns = smallest(values, count)

    assert torch.equal(found.sort(dim=1).values, values.sort(dim=1).values[:, :count])
    assert torch.equal(values.gather(1, columns), found)


def test_long_rows_equal_a_float64_brute_force() -> None:
    points = gauss(3000, 9)
    distances, indices = brute_force(points[:, :4], 20)

    found = exact_neighbors(torch.from_numpy(points[:, :4]), 20)

    assert torch.allclose(found.distances, distances, rtol=1e-9)
    assert torch.equal(found.indices, indices)


def test_rows_known_to_be_distinct_are_not_looked_through() -> None:
    points = torch.from_numpy(gauss(200, 4))

    trusted = exact_neighbors(points, 5, distinct=True)

    assert torch.equal(trusted.distances, exact_neighbors(points, 5).distances)
