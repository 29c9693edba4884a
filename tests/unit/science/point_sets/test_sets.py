import numpy as np
import pytest
from numpy.typing import NDArray

from app.science.point_sets import sets
from app.science.point_sets.sets import UnusablePointSets


def test_ragged_sets_are_padded_with_nan() -> None:
    found = sets.from_arrays([np.ones((3, 2)), np.zeros((1, 2))])

    assert found.points.shape == (2, 3, 2)
    assert found.points.dtype == np.float32
    assert np.isnan(found.points[1, 1:]).all()
    assert np.isfinite(found.points[0]).all()


def test_positions_and_channels_share_the_columns() -> None:
    found = sets.from_arrays(np.zeros((4, 5, 6)), n_channels=3)

    assert (found.dim, found.n_channels, len(found)) == (3, 3, 4)


def test_integers_are_read_as_numbers() -> None:
    found = sets.from_arrays(np.full((1, 2, 2), 255, np.uint8))

    assert (found.points == 255.0).all()


@pytest.mark.parametrize(
    ("arrays", "n_channels", "message"),
    [
        ([], 0, "no point set"),
        ([np.ones((2, 2)), np.ones((0, 2))], 0, "point set 1 is empty"),
        ([np.ones((2, 2)), np.ones((2, 3))], 0, r"point set 1 has the shape \(2, 3\)"),
        ([np.ones(4)], 0, "point set 0 has the shape"),
        ([np.ones((2, 2)), np.array([[0.0, np.nan]])], 0, "point set 1 holds NaN"),
        ([np.ones((10_001, 2))], 0, "thin it out to 10,000"),
        ([np.ones((2, 2))], 2, "leave no position"),
    ],
)
def test_what_is_no_point_set_is_refused(
    arrays: list[NDArray[np.float64]], n_channels: int, message: str
) -> None:
    with pytest.raises(UnusablePointSets, match=message):
        sets.from_arrays(arrays, n_channels=n_channels)
