"""A teacher on fewer of its own centers, weighted anew by ridge on the teacher's outputs.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531 (on the teacher's outputs). Differs from
the paper: a convex solve, and the same kernel on both sides.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.linalg import (
    Block,
    Floats,
    GramSums,
    gram_sums,
    ridge_path,
    rows_per_block,
    variances,
)
from app.science.mimicry.kernels import kernel_matrix
from app.science.mimicry.target import Ints
from app.science.mimicry.teacher import FittedTeacher
from app.science.mimicry.trial import Work

ROWS_PER_CENTER = 4
MIN_ROWS = 4000
JITTER = 1e-5


def by_importance(weights: Floats, deviations: Floats) -> Ints:
    """(m,), centers by falling |weight| times their feature's deviation."""
    return np.argsort(-np.linalg.norm(weights, axis=1) * deviations, kind="stable")


@dataclass(frozen=True)
class Distilled:
    """The teacher's outputs regressed on x and on some of its centers; any subset shares the sums.

    teacher : with those centers only; square : (m, m), the kernel among them
    """

    teacher: FittedTeacher
    sums: GramSums
    square: Floats

    @classmethod
    def of(cls, work: Work, teacher: FittedTeacher, centers: Ints) -> "Distilled":
        """Over the centers numbered ``centers`` of a teacher that may have lost directions."""
        small = replace(teacher, centers=teacher.centers[centers], weights=teacher.weights[centers])
        rows = work.fit[: max(MIN_ROWS, ROWS_PER_CENTER * len(centers))]
        step = rows_per_block(len(centers))

        def block(rows: NDArray[Any]) -> Block:
            X = np.asarray(work.X[rows], dtype=np.float64)
            return np.hstack([X, small.features(X)]), work.teacher.latent(X)

        blocks = (block(rows[start : start + step]) for start in range(0, len(rows), step))
        points, width = small.centers, teacher.squared_bandwidth
        return cls(small, gram_sums(blocks), kernel_matrix(teacher.kernel, points, points, width))

    @property
    def input_dim(self) -> int:
        """Columns of x, p."""
        return int(self.teacher.linear.shape[0])

    def solve(self, which: Ints) -> FittedTeacher:
        """The teacher on the centers ``which``, with the penalty of its kernel's norm."""
        sums = _columns(
            self.sums, np.concatenate([np.arange(self.input_dim), which + self.input_dim])
        )
        R = np.diag(variances(sums))
        p = self.input_dim
        R[p:, p:] = self.square[np.ix_(which, which)] + JITTER * np.eye(len(which))
        # Outputs of a teacher have no noise, so a hundredth of its penalty is ample; the greater
        # ones are for a system that rounding leaves indefinite.
        penalties = max(self.teacher.penalty, 1e-9) * 10.0 ** np.arange(-2.0, 7.0)
        fits = (fit for penalty in penalties for fit in ridge_path(sums, R, penalties=(penalty,)))
        fit = next(fits)
        return replace(
            self.teacher,
            centers=self.teacher.centers[which],
            weights=fit.weights[p:],
            linear=fit.weights[:p],
            intercept=fit.intercept,
        )

    def ordered(self, which: Ints, solved: FittedTeacher) -> Ints:
        """``which`` by falling importance in a solution on them."""
        deviations = np.sqrt(variances(self.sums)[which + self.input_dim])
        return which[by_importance(solved.weights, deviations)]


def _columns(sums: GramSums, which: Ints) -> GramSums:
    return replace(
        sums,
        feature_mean=sums.feature_mean[which],
        gram=sums.gram[np.ix_(which, which)],
        cross=sums.cross[which],
    )
