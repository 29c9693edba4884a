import numpy as np
import pytest
import torch

from app.science.point_sets import features
from app.science.point_sets.neighborhoods import Neighborhoods
from app.science.point_sets.ops import TorchOps
from app.science.point_sets.plan import PointPlan
from app.science.point_sets.pose import PoseName, UnusablePose
from app.science.point_sets.sets import PointSets
from tests.unit.science.point_sets.samples import SMALL, permuted, rings_and_discs, rotation


def with_pose(pose: PoseName) -> PointPlan:
    return PointPlan(n_ridges=SMALL.n_ridges, n_bumps=SMALL.n_bumps, pose=pose)


def moved(given: PointSets, matrix: np.ndarray, shift: float = 0.0) -> PointSets:
    return PointSets((given.points @ matrix + shift).astype(np.float32))


@pytest.mark.parametrize("pose", ["as_given", "centered", "scaled", "turned"])
def test_the_order_of_the_points_changes_nothing(pose: PoseName) -> None:
    given, _ = rings_and_discs(30, dim=3)
    found = features.drawn(given, with_pose(pose), seed=0)

    here, there = found.compute(given.points), found.compute(permuted(given).points)

    assert there == pytest.approx(here, abs=1e-6 * float(np.abs(here).max()))


def test_padding_changes_nothing() -> None:
    given, _ = rings_and_discs(10)
    found = features.drawn(given, SMALL, seed=0)
    padded = np.pad(given.points, ((0, 0), (0, 7), (0, 0)), constant_values=np.nan)

    here, there = found.compute(given.points), found.compute(padded)

    assert there == pytest.approx(here, rel=1e-5, abs=1e-6)


def test_a_set_does_not_know_its_neighbors() -> None:
    given, _ = rings_and_discs(40, most=300)
    found = features.drawn(given, SMALL, seed=0)

    alone = np.concatenate([found.compute(row[None]) for row in given.points])

    assert alone == pytest.approx(found.compute(given.points), rel=1e-5, abs=1e-6)


MIRROR = np.diag([1.0, 1.0, -1.0])
TURN = rotation(3)


@pytest.mark.parametrize(
    ("pose", "matrix", "shift", "same"),
    [
        ("as_given", np.eye(3), 0.5, False),
        ("centered", np.eye(3), 0.5, True),
        ("centered", 2.0 * np.eye(3), 0.0, False),
        ("scaled", 2.0 * np.eye(3), 0.5, True),
        ("scaled", TURN, 0.0, False),
        ("turned", 2.0 * TURN, 0.5, True),
        ("turned", MIRROR, 0.0, False),
        ("turned_or_mirrored", 2.0 * TURN @ MIRROR, 0.5, True),
    ],
)
def test_a_pose_removes_what_it_names_and_no_more(
    pose: PoseName, matrix: np.ndarray, shift: float, same: bool
) -> None:
    given, _ = rings_and_discs(20, dim=3)
    found = features.drawn(given, with_pose(pose), seed=0)

    here = found.compute(given.points)
    there = found.compute(moved(given, matrix, shift).points)

    assert bool(np.abs(there - here).max() < 1e-4 * np.abs(here).max()) is same


def test_turns_are_refused_where_there_are_none() -> None:
    with pytest.raises(UnusablePose, match="2 and 3 dimensions"):
        features.drawn(PointSets(np.zeros((3, 4, 5), np.float32)), with_pose("turned"), seed=0)


def test_neighborhoods_are_weighted_moments() -> None:
    points = np.random.default_rng(0).standard_normal((1, 12, 2))
    around = Neighborhoods(radii=(1.5,), dim=2, n_channels=0)
    x = torch.as_tensor(points, dtype=torch.float32)

    found = around.describe(TorchOps(), x, torch.ones(1, 12, 1))[0].numpy()

    x0 = points[0, 0]
    weights = np.maximum(1.0 - ((points[0] - x0) ** 2).sum(axis=1) / 1.5**2, 0.0)
    mean = np.average(points[0], axis=0, weights=weights)
    covariance = np.cov(points[0].T, aweights=weights, ddof=0)
    wanted = [
        *x0,
        (x0**2).sum(),
        weights.sum() / 12,
        *(mean - x0) / 1.5,
        *covariance[np.triu_indices(2)] / 1.5**2,
    ]
    assert found.shape == (12, around.width)
    assert found[0] == pytest.approx(wanted, rel=1e-4, abs=1e-5)
