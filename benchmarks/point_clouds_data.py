"""The point sets of the benchmark: training sets, validation rows out of them, and test sets."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.mimicry import target as targets
from app.science.mimicry.target import Ints
from app.science.point_sets import sets
from app.science.point_sets.sets import PointSets
from benchmarks.data import DATA

BARS = {"mnist_points": 0.95, "modelnet_chair_monitor": 0.99}
QUICK_ROWS = 5000


@dataclass(frozen=True)
class CloudProblem:
    """rest : all that is not test, of which the split's second rows only choose."""

    name: str
    rest: PointSets
    rest_y: Ints
    test: PointSets
    test_y: Ints
    split: tuple[Ints, Ints]
    seed: int

    @property
    def n_classes(self) -> int:
        """Classes are numbered from 0."""
        return int(self.rest_y.max()) + 1

    @property
    def digest(self) -> str:
        """Changes with the sets and their order."""
        found = hashlib.sha256()
        for array in (self.rest.points, self.rest_y, self.test.points, self.test_y):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()[:16]

    def accuracy(self, scores: NDArray[Any]) -> float:
        """Of test scores (n, classes)."""
        return float((scores.argmax(axis=1) == self.test_y).mean())


def load(name: str, *, seed: int, quick: bool) -> CloudProblem:
    """Read one; ``quick`` keeps the first ``QUICK_ROWS`` training sets."""
    with np.load(DATA / "pointcloud" / f"{name}.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    n_rows = QUICK_ROWS if quick else len(arrays["X_train"])
    rest_y = arrays["y_train"][:n_rows].astype(np.int64)
    task = targets.make(rest_y, "multiclass")
    return CloudProblem(
        name=name,
        rest=sets.from_arrays(arrays["X_train"][:n_rows]),
        rest_y=rest_y,
        test=sets.from_arrays(arrays["X_test"]),
        test_y=arrays["y_test"].astype(np.int64),
        split=targets.holdout(task, seed),
        seed=seed,
    )
