"""Small point sets whose classes are known."""

import numpy as np
from numpy.typing import NDArray

from app.science.point_sets import sets
from app.science.point_sets.plan import PointPlan
from app.science.point_sets.sets import PointSets

SMALL = PointPlan(n_ridges=48, n_bumps=8)

Labels = NDArray[np.int64]


def rings_and_discs(
    n_sets: int, *, dim: int = 2, seed: int = 0, most: int = 40
) -> tuple[PointSets, Labels]:
    """Hollow shapes (1) and full ones (0) of equal variance and of ragged size."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_sets)
    clouds = [_shape(rng, bool(label), dim, most) for label in labels]
    return sets.from_arrays(clouds), labels


def _shape(rng: np.random.Generator, hollow: bool, dim: int, most: int) -> NDArray[np.float64]:
    points = rng.standard_normal((rng.integers(most // 2, most + 1), dim))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    radius = 1.0 if hollow else rng.random((len(points), 1)) ** (1 / dim) * np.sqrt(1 + 2 / dim)
    stretch = np.linspace(1.5, 0.7, dim)
    return np.asarray(points * radius * stretch + 0.02 * rng.standard_normal(points.shape))


def permuted(given: PointSets, seed: int = 0) -> PointSets:
    """The same sets, every one in an order of its own; padding moves too."""
    order = np.argsort(np.random.default_rng(seed).random(given.points.shape[:2]), axis=1)
    return PointSets(np.take_along_axis(given.points, order[:, :, None], 1), given.n_channels)


def rotation(dim: int, seed: int = 0) -> NDArray[np.float64]:
    """A random one, (d, d), determinant 1."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    basis[:, 0] *= np.linalg.det(basis)
    return np.asarray(basis)
