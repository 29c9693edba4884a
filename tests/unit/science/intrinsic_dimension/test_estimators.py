"""Raw estimators: the registry, invariances, and parity with scikit-dimension."""

import numpy as np
import pytest
import skdim
import torch

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import ESTIMATORS
from app.science.intrinsic_dimension.estimators.gride import Gride
from app.science.intrinsic_dimension.estimators.mle import PooledMLE, pooled_curve
from app.science.intrinsic_dimension.estimators.two_nn import TwoNN
from app.science.intrinsic_dimension.neighbors import Neighbors, exact_neighbors
from tests.unit.science.intrinsic_dimension.clouds import Points, cube, gauss, rotation, tanh_net

NAMES = ESTIMATORS.names()


def neighbors(points: Points, k: int = 30) -> Neighbors:
    return exact_neighbors(torch.from_numpy(points), k)


def equidistant() -> Neighbors:
    rows = torch.zeros(40, 20, dtype=torch.int64)
    return Neighbors(torch.ones(40, 20), rows, rows[:, 0], n_references=40)


def test_every_file_of_the_folder_is_an_estimator() -> None:
    assert {"mle", "two_nn", "gride"} <= set(NAMES)
    for name in NAMES:
        estimate = ESTIMATORS.get(name)().estimate(neighbors(cube(500, 3)))
        assert estimate.value == pytest.approx(3, rel=0.2)
        assert 0 < estimate.stderr < estimate.value
        assert estimate.n_used == 500


@pytest.mark.parametrize("name", NAMES)
def test_scale_offset_rotation_and_row_order_change_nothing(name: str) -> None:
    points = cube(600, 5)
    moved = np.random.default_rng(1).permutation(1e-3 * points @ rotation(5) + 1000.0)
    estimator = ESTIMATORS.get(name)()

    here, there = estimator.estimate(neighbors(points)), estimator.estimate(neighbors(moved))

    assert there.value == pytest.approx(here.value, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_distances_that_all_tie_are_refused(name: str) -> None:
    with pytest.raises(DegenerateDistances):
        ESTIMATORS.get(name)().estimate(equidistant())


@pytest.mark.parametrize("estimator", [PooledMLE(k=40), Gride(n=20)])
def test_too_few_neighbors_are_refused(estimator: PooledMLE | Gride) -> None:
    with pytest.raises(TooFewRows):
        estimator.estimate(neighbors(cube(100, 2)))


def test_the_curve_holds_every_k_of_the_single_estimates() -> None:
    found = neighbors(gauss(300, 4))

    curve = pooled_curve(found.distances)

    for k in (2, 7, 30):
        assert float(curve[k - 1]) == pytest.approx(PooledMLE(k).estimate(found).value)


@pytest.mark.parametrize("points", [cube(800, 6), tanh_net(800, 4, 20)], ids=["cube", "tanh"])
def test_mle_equals_scikit_dimension(points: Points) -> None:
    theirs = skdim.id.MLE(K=20).fit(points, n_neighbors=20).dimension_

    ours = PooledMLE(k=20).estimate(neighbors(points)).value

    n_terms = len(points) * 19  # theirs has n (k - 1) where ours has n (k - 1) - 1
    assert ours == pytest.approx(theirs * (n_terms - 1) / n_terms, rel=1e-6)


def test_uncensored_two_nn_equals_gride_and_scikit_dimension() -> None:
    points = cube(800, 6)
    theirs = skdim.id.GRIDE().fit(points).dimension_
    found = neighbors(points)

    assert Gride(n=1).estimate(found).value == pytest.approx(theirs, rel=1e-4)
    assert TwoNN(censored=0.0).estimate(found).value == pytest.approx(theirs, rel=2 / 800)


def test_gride_equals_scikit_dimension() -> None:
    points = gauss(800, 5)
    theirs = skdim.id.GRIDE(n1=4).fit(points).dimension_

    assert Gride(n=4).estimate(neighbors(points)).value == pytest.approx(theirs, rel=1e-4)


def test_censored_two_nn_is_near_the_linear_fit() -> None:
    points = cube(1500, 8)
    theirs = skdim.id.TwoNN().fit(points).dimension_

    assert TwoNN().estimate(neighbors(points)).value == pytest.approx(theirs, rel=0.05)


def test_censoring_bounds_what_outlying_ratios_do() -> None:
    found = neighbors(cube(500, 4))
    spoiled = found.distances.clone()
    spoiled[:25, 1:] *= 1e6

    value = (
        TwoNN()
        .estimate(Neighbors(spoiled, found.indices, found.query_rows, n_references=500))
        .value
    )

    assert value == pytest.approx(TwoNN().estimate(found).value, rel=0.15)
