"""Teachers: convex models that the network will mimic, and what one is once fitted.

A fitted teacher is a kernel expansion plus a linear part, stored as arrays and scalars only.

Source: Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717 (Nystrom kernel ridge).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats, rows_per_block
from app.science.mimicry import target as targets
from app.science.mimicry.kernels import KernelName, kernel_matrix
from app.science.mimicry.target import Ends, Ints, Target
from app.science.registry import FolderRegistry
from app.science.relu_network.evaluate import softmax
from app.science.relu_network.network import Task

FORMAT = "adaptnet-teacher/1"
ARRAYS = ("metric", "centers", "weights", "linear", "intercept", "spectrum", "out_of_fold")

Progress = Callable[[float, str], None] | None


@dataclass(frozen=True)
class FittedTeacher:
    """f(x) = intercept + x @ linear + k(|z - center|^2 / squared_bandwidth) @ weights.

    Here z = x @ metric.
    Outputs are standardized values (regression) or logits; ``predict`` gives the caller's unit.

    metric : (p, q); centers : (m, q); weights : (m, c); linear : (p, c); intercept : (c,);
    spectrum : (q,), shares of the metric's trace; out_of_fold : (n, c), outputs for the rows of
    the fit by models that did not see them, (0, c) where there are none; limits : ends of a
    regression target, to which the outputs are clipped
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    seed: int
    center: float
    scale: float
    kernel: KernelName
    squared_bandwidth: float
    penalty: float
    effective_dof: float
    validation_loss: float
    ridge_validation_loss: float | None
    metric: Floats
    centers: Floats
    weights: Floats
    linear: Floats
    intercept: Floats
    spectrum: Floats
    details: Mapping[str, Any]
    limits: tuple[float | None, float | None] = (None, None)
    out_of_fold: Floats = field(default_factory=lambda: np.empty((0, 1)))

    @property
    def n_outputs(self) -> int:
        """Columns of the output, c."""
        return len(self.intercept)

    def features(self, X: NDArray[Any]) -> Floats:
        """(n, m), the kernel against every center."""
        Z = np.asarray(X, dtype=np.float64) @ self.metric
        return kernel_matrix(self.kernel, Z, self.centers, self.squared_bandwidth)

    def output(self, X: NDArray[Any]) -> Floats:
        """(n, c), standardized values or logits, blocked over rows."""
        return self.ends.clip(self.latent(X))

    def latent(self, X: NDArray[Any]) -> Floats:
        """(n, c), the output before it is clipped to the limits."""
        step = rows_per_block(max(1, len(self.centers)))
        parts = [np.empty((0, len(self.intercept)))]
        for start in range(0, len(X), step):
            rows = np.asarray(X[start : start + step], dtype=np.float64)
            parts.append(self.features(rows) @ self.weights + rows @ self.linear + self.intercept)
        return np.concatenate(parts)

    def predict(self, X: NDArray[Any]) -> Floats:
        """(n,) in the target's unit, or (n, classes) probabilities."""
        raw = self.output(X)
        if self.task == "regression":
            return raw[:, 0] * self.scale + self.center
        return softmax(raw)

    def target(self, y: NDArray[Any]) -> Target:
        """Another reading of the target column in this teacher's unit."""
        unit = (self.center, self.scale)
        return targets.make(y, self.task, self.classes, unit, self.ends)

    @property
    def ends(self) -> Ends:
        """The limits."""
        return Ends(*self.limits)

    def to_tensors(self) -> dict[str, Floats]:
        """The arrays, named ``teacher.*``."""
        return {f"teacher.{name}": np.ascontiguousarray(getattr(self, name)) for name in ARRAYS}

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays."""
        scalars = {k: v for k, v in vars(self).items() if k not in ARRAYS}
        listed = {"classes": list(self.classes), "limits": list(self.limits)}
        return {"format": FORMAT, **scalars, **listed, **self._sizes()}

    def _sizes(self) -> dict[str, Any]:
        return {
            "n_centers": len(self.centers),
            "rank": int(self.metric.shape[1]),
            "details": dict(self.details),
        }


def from_tensors(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> FittedTeacher:
    """The teacher behind ``to_json`` and ``to_tensors``."""
    derived = {"format", "n_centers", "rank"}
    fields: dict[str, Any] = {k: v for k, v in document.items() if k not in derived}
    fields["classes"] = tuple(document["classes"])
    fields["limits"] = tuple(document.get("limits", (None, None)))
    fields |= {name: np.asarray(tensors[f"teacher.{name}"], np.float64) for name in ARRAYS}
    return FittedTeacher(**fields)


class Teacher(Protocol):
    """A way to fit one. ``split`` holds (fit, validation) rows; the second only choose."""

    def fit(
        self,
        X: Floats,
        target: Target,
        split: tuple[Ints, Ints],
        *,
        seed: int,
        max_centers: int | None = None,
        progress: Progress = None,
    ) -> FittedTeacher:
        """Fit on the first rows of the split."""
        ...


TEACHERS: FolderRegistry[type[Teacher]] = FolderRegistry("app.science.mimicry.teachers")


def fit(  # noqa: PLR0913 - data, task and options, the options by name
    X: NDArray[Any],
    y: NDArray[Any],
    task: Task,
    *,
    classes: tuple[str, ...] = (),
    seed: int = 0,
    names: tuple[str, ...] = ("nystrom_ridge", "ridge"),
    max_centers: int | None = None,
    progress: Progress = None,
) -> FittedTeacher:
    """Fit the named teachers on the same split and keep the one of least held-out loss.

    Parameters
    ----------
    X : (n, p), encoded rows; y : (n,), numbers, or class numbers from 0
    max_centers : a limit for the teachers that choose their number
    """
    if task not in get_args(Task):
        raise ValueError(f"task is {task!r}, known are {get_args(Task)}")
    rows = np.asarray(X, dtype=np.float64)
    target = targets.make(y, task, classes)
    split = targets.holdout(target, seed)
    fitted = [
        TEACHERS.get(name)().fit(
            rows, target, split, seed=seed, max_centers=max_centers, progress=progress
        )
        for name in names
    ]
    ridge = next((t.validation_loss for t in fitted if t.name == "ridge"), None)
    best = min(fitted, key=lambda teacher: teacher.validation_loss)
    return replace(best, ridge_validation_loss=ridge)
