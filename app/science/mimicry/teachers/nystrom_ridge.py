"""Kernel ridge on Nystrom centers in a learned metric, with a linear part.

A race on a sample picks metric, kernel and bandwidth (see ``race.py``); the winner is solved once
with all centers and rows, and for classes finished by logistic regression over its features.

Source: Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717; metric: see ``metric.py``. Differs from
the paper: uniform centers, the penalty by held-out loss, an added linear part.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry import head, metric
from app.science.mimicry.kernels import KERNELS
from app.science.mimicry.race import JITTER, Candidate, Runner, kernel_matrix
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress, Teacher

MAX_CENTERS = 2000
ROWS_PER_CENTER = 4


@dataclass(frozen=True, slots=True)
class NystromRidge:
    """The default teacher."""

    max_centers: int = MAX_CENTERS

    def fit(
        self,
        X: Floats,
        target: Target,
        split: tuple[Ints, Ints],
        *,
        seed: int,
        progress: Progress = None,
    ) -> FittedTeacher:
        """Metric, race, final solve; see the module."""
        rng = np.random.default_rng([seed, 11])
        columns = target.columns()
        metrics = []
        for i, kernel in enumerate(KERNELS):
            if progress:
                progress(0.05 + 0.2 * i, f"metric from a {kernel} kernel")
            metrics.append(metric.learn(X[split[0]], columns[split[0]], kernel, rng=rng))
        if progress:
            progress(0.45, "race of kernels and bandwidths")
        runner = Runner(X, columns, split, rng)
        race = runner.race(metrics)
        leaders = [next(c for c in race if c.kernel == kernel) for kernel in KERNELS]
        if progress:
            progress(0.5, "metric refined")
        refined = [candidate for leader in leaders for candidate in runner.refine(leader)]
        choice = min(refined, key=lambda candidate: candidate.held_out_loss)
        refined += runner.narrow(choice)
        choice = min(refined, key=lambda candidate: candidate.held_out_loss)
        if progress:
            progress(0.65, "teacher on all rows")
        fitted = _final(X, target, split, choice, rng, self.max_centers)
        details = {
            "n_fit": len(split[0]),
            "n_validation": len(split[1]),
            "metric": choice.metric.to_json(),
            "race": [candidate.to_json() for candidate in race],
            "refined": [candidate.to_json() for candidate in refined],
        }
        return replace(fitted, seed=seed, details=details)


def _final(
    X: Floats,
    target: Target,
    split: tuple[Ints, Ints],
    choice: Candidate,
    rng: np.random.Generator,
    max_centers: int,
) -> FittedTeacher:
    n_centers = min(max_centers, max(len(split[0]) // ROWS_PER_CENTER, 50), len(split[0]))
    rows = rng.permutation(split[0])[:n_centers]
    matrix, p, width = choice.metric.matrix, X.shape[1], choice.expansion.squared_bandwidth
    centers = X[rows] @ matrix

    def compute(rows: NDArray[Any]) -> NDArray[Any]:
        kernel = kernel_matrix(choice.kernel, rows @ matrix, centers, width)
        return np.concatenate([rows, kernel], axis=1)

    square = kernel_matrix(choice.kernel, centers, centers, width)
    square += JITTER * np.eye(n_centers)
    features = head.Features(compute, p + n_centers, square=square, square_at=p)
    solved = head.with_dof(head.solve(features, X, target, split), features, target)
    return FittedTeacher(
        name="nystrom_ridge",
        task=target.task,
        classes=target.classes,
        seed=0,
        center=target.center,
        scale=target.scale,
        kernel=choice.kernel,
        squared_bandwidth=width,
        penalty=solved.penalty,
        effective_dof=solved.effective_dof,
        validation_loss=solved.validation_loss,
        ridge_validation_loss=None,
        metric=matrix,
        centers=centers,
        weights=solved.weights[p:],
        linear=solved.weights[:p],
        intercept=solved.intercept,
        spectrum=choice.metric.spectrum,
        details={},
    )


PLUGIN: type[Teacher] = NystromRidge
