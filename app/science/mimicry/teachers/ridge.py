"""The linear teacher: ridge or multinomial logistic regression on the encoded columns.

It is the floor: whatever else is tried has to beat it on held-out rows.

Source: Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634. Differs from the paper: the
penalty acts on standardized columns and is chosen on held-out rows.
"""

from dataclasses import dataclass

import numpy as np

from app.science.linalg import Floats
from app.science.mimicry import head
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress, Teacher


@dataclass(frozen=True, slots=True)
class Ridge:
    """A kernel expansion without centers."""

    def fit(
        self,
        X: Floats,
        target: Target,
        split: tuple[Ints, Ints],
        *,
        seed: int,
        max_centers: int | None = None,  # noqa: ARG002 (their number is not chosen)
        progress: Progress = None,
    ) -> FittedTeacher:
        """Solve the linear head; a few milliseconds for regression."""
        if progress:
            progress(0.95, "linear teacher")
        p = X.shape[1]
        features = head.Features(np.asarray, p)
        solved = head.with_dof(head.solve(features, X, target, split), features, target)
        return FittedTeacher(
            name="ridge",
            task=target.task,
            classes=target.classes,
            seed=seed,
            center=target.center,
            scale=target.scale,
            kernel="gauss",
            squared_bandwidth=1.0,
            penalty=solved.penalty,
            effective_dof=solved.effective_dof,
            validation_loss=solved.validation_loss,
            ridge_validation_loss=solved.validation_loss,
            metric=np.eye(p),
            centers=np.empty((0, p)),
            weights=np.empty((0, target.n_outputs)),
            linear=solved.weights,
            intercept=solved.intercept,
            spectrum=np.full(p, 1.0 / p),
            details={"n_fit": len(split[0]), "n_validation": len(split[1])},
        )


PLUGIN: type[Teacher] = Ridge
