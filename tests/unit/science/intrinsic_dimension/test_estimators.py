"""Raw estimators: the registry, invariances, and parity with scikit-dimension."""

import numpy as np
import pytest
import skdim
import torch

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.estimator import ESTIMATORS
from app.science.intrinsic_dimension.estimators.ess import (
    ExpectedSimplexSkewness,
    dimension_of,
    expected_sine,
)
from app.science.intrinsic_dimension.estimators.gride import Gride
from app.science.intrinsic_dimension.estimators.l2n2 import L2N2
from app.science.intrinsic_dimension.estimators.local_pca import LocalPCA
from app.science.intrinsic_dimension.estimators.mle import PooledMLE, pooled_curve
from app.science.intrinsic_dimension.estimators.two_nn import TwoNN
from app.science.intrinsic_dimension.neighbors import Neighbors, exact_neighbors
from tests.unit.science.intrinsic_dimension.clouds import (
    Points,
    cube,
    embedded,
    gauss,
    rotation,
    sphere,
    tanh_net,
)

NAMES = ESTIMATORS.names()
OF_DISTANCES = ("gride", "l2n2", "mle", "two_nn")
OF_DIRECTIONS = ("ess", "local_pca")


def neighbors(points: Points, k: int = 30) -> Neighbors:
    return exact_neighbors(torch.from_numpy(points), k)


def equidistant() -> Neighbors:
    rows = torch.zeros(40, 20, dtype=torch.int64)
    return Neighbors(torch.ones(40, 20), rows, rows[:, 0], n_references=40)


def test_every_file_of_the_folder_is_an_estimator() -> None:
    assert set(NAMES) >= {*OF_DISTANCES, *OF_DIRECTIONS}
    for name in NAMES:
        estimate = ESTIMATORS.get(name)().estimate(neighbors(cube(500, 3)))
        assert estimate.value == pytest.approx(3, rel=0.2)
        assert 0 < estimate.stderr < estimate.value
        assert estimate.n_used == (100 if name == "local_pca" else 500)


@pytest.mark.parametrize("name", NAMES)
def test_scale_offset_rotation_and_row_order_change_nothing(name: str) -> None:
    points = cube(600, 5)
    moved = np.random.default_rng(1).permutation(1e-3 * points @ rotation(5) + 1000.0)
    estimator = ESTIMATORS.get(name)()

    here, there = estimator.estimate(neighbors(points)), estimator.estimate(neighbors(moved))

    assert there.value == pytest.approx(here.value, rel=1e-6)


@pytest.mark.parametrize("name", OF_DIRECTIONS)
def test_directions_need_the_points(name: str) -> None:
    with pytest.raises(DegenerateDistances):
        ESTIMATORS.get(name)().estimate(equidistant())


@pytest.mark.parametrize("name", OF_DIRECTIONS)
def test_directions_need_a_patch(name: str) -> None:
    with pytest.raises(TooFewRows):
        ESTIMATORS.get(name)().estimate(neighbors(cube(100, 2), k=5))


@pytest.mark.parametrize("name", OF_DISTANCES)
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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # theirs takes the logarithm of zero
@pytest.mark.parametrize("censored", [0.0, 0.1])
def test_two_nn_equals_scikit_dimension(censored: float) -> None:
    points = cube(800, 6)
    theirs = skdim.id.TwoNN(method="mle", discard_fraction=censored).fit(points).dimension_

    assert TwoNN(censored).estimate(neighbors(points)).value == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("n", [1, 4])
def test_gride_equals_scikit_dimension(n: int) -> None:
    points = gauss(800, 5)
    theirs = skdim.id.GRIDE(n1=n).fit(points).dimension_

    assert Gride(n).estimate(neighbors(points)).value == pytest.approx(theirs, rel=1e-6)


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


@pytest.mark.parametrize("d", [15, 30, 60])
def test_angles_are_sound_where_ratios_are_far_too_low(d: int) -> None:
    found = neighbors(embedded(sphere(1200, d), 2 * d), k=100)

    assert ExpectedSimplexSkewness().estimate(found).value == pytest.approx(d, rel=0.02)
    assert PooledMLE(k=20).estimate(found).value < 0.8 * d


def test_the_sine_is_inverted() -> None:
    for d in (1.5, 2.0, 3.0, 24.0, 300.0):
        assert dimension_of(expected_sine(d)) == pytest.approx(d, rel=1e-5)
    assert expected_sine(2.0) == pytest.approx(2 / np.pi)


def test_angles_equal_scikit_dimension_on_one_patch() -> None:
    patch = gauss(41, 6)
    theirs = skdim.id.ESS(random_state=0).fit(patch, n_neighbors=40).dimension_pw_[0]
    points = torch.from_numpy(patch)
    rows = torch.arange(1, 41)[None, :]
    one = Neighbors(torch.ones(1, 40), rows, rows[0, :1], n_references=41, points=points)

    ours = ExpectedSimplexSkewness().estimate(one).value

    assert ours == pytest.approx(theirs, rel=0.01)  # theirs is linear between integers


def test_local_axes_are_counted() -> None:
    flat = neighbors(embedded(cube(600, 4), 30), k=60)

    assert LocalPCA().estimate(flat).value == pytest.approx(4)


def test_l2n2_hardly_sees_outlying_ratios() -> None:
    found = neighbors(cube(500, 4))
    spoiled = found.distances.clone()
    spoiled[:10, 1:] *= 1e6
    worse = Neighbors(spoiled, found.indices, found.query_rows, n_references=500)

    assert L2N2().estimate(worse).value == pytest.approx(L2N2().estimate(found).value, rel=0.1)
