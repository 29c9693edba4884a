"""Ridge that predicts every row from the other folds, for little more than the price of one fit.

The sums of a fold are additive: one pass over the rows leaves one Gram matrix a fold, and the
model without a fold is one Cholesky factor of the others' sum.

Source: Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x (cross-validatory choice).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dger

from app.science.linalg import (
    Floats,
    GramSums,
    gram_sums,
    ridge_path,
    rows_per_block,
    solve_ridge,
    threads_for,
)
from app.science.mimicry.head import Features
from app.science.mimicry.target import Ints
from app.science.parallel import side_by_side

N_FOLDS = 5
CHOICE_FOLDS = 2
CHOICE_ROWS = 4000
"""Penalties are compared on this many rows of each of the choice folds."""
WORTH_A_STEP = 0.99
PROBES = 32

Weights = tuple[Floats, Floats]
"""Weights (m, c) and intercept (c,)."""
Loss = Callable[[Floats, Ints], float]


@dataclass(frozen=True)
class OutOfFold(ABC):
    """Ridge over fixed features that can leave each fold out; how it is solved is the subclass's.

    columns : (n, c), standardized or one-hot
    """

    features: Features
    X: Floats
    columns: Floats
    folds: tuple[Ints, ...]

    @abstractmethod
    def leading(self, width: int) -> "OutOfFold":
        """The same over the first ``width`` features alone; nothing is summed again."""

    @abstractmethod
    def weights(self, penalty: float, n_folds: int = N_FOLDS) -> list[Weights] | None:
        """Weights without each of the first folds; None where singular."""

    @abstractmethod
    def final(self, penalty: float) -> Weights:
        """Weights from all folds.

        Raises
        ------
        numpy.linalg.LinAlgError
            The features are singular at this penalty.
        """

    @abstractmethod
    def effective_dof(self, penalty: float, rng: np.random.Generator) -> float:
        """Of ``final``, the intercept counted; exact within a few percent."""

    def losses(self, penalties: Iterable[float], loss: Loss) -> Iterator[float]:
        """Loss of each penalty on the choice folds; ends where the features are singular."""
        rows = [fold[:CHOICE_ROWS] for fold in self.folds[:CHOICE_FOLDS]]
        features = [np.asarray(self.features.compute(self.X[part])) for part in rows]
        for penalty in penalties:
            weights = self.weights(penalty, CHOICE_FOLDS)
            if weights is None:
                return
            outputs = [F @ w + b for F, (w, b) in zip(features, weights, strict=True)]
            yield loss(np.concatenate(outputs), np.concatenate(rows))

    def outputs(self, penalty: float) -> tuple[Ints, Floats]:
        """All rows (n,), and their out-of-fold outputs (n, c)."""
        weights = self.weights(penalty)
        if weights is None:
            raise singular(penalty)
        parts = side_by_side(
            lambda pair: self.predict(self.X[pair[0]], *pair[1]),
            zip(self.folds, weights, strict=True),
        )
        return np.concatenate(self.folds), np.concatenate(parts)

    def predict(self, rows: Floats, weights: Floats, intercept: Floats) -> Floats:
        """(b, c), blocked over rows."""
        step = rows_per_block(self.features.width)
        blocks = [np.empty((0, len(intercept)))]
        for start in range(0, len(rows), step):
            features = self.features.compute(rows[start : start + step])
            blocks.append(np.asarray(features @ weights + intercept, dtype=np.float64))
        return np.concatenate(blocks)


@dataclass(frozen=True)
class CrossFit(OutOfFold):
    """By the folds' sums: one pass over the rows serves every penalty."""

    sums: tuple[GramSums, ...]

    @cached_property
    def total(self) -> GramSums:
        """Sums of all folds."""
        return reduce(add, self.sums)

    def leading(self, width: int) -> "CrossFit":
        """The same over the first ``width`` features alone; nothing is summed again."""
        sums = tuple(leading_sums(part, width) for part in self.sums)
        return replace(self, features=leading_features(self.features, width), sums=sums)

    def weights(self, penalty: float, n_folds: int = N_FOLDS) -> list[Weights] | None:
        """Weights without each of the first folds; None where singular."""
        R = self.features.penalty(self.total)
        R = np.diag(R) if R.ndim == 1 else R
        total = self.total

        def solved(part: GramSums) -> Weights | None:
            rest = _without(total, part)
            weights = solve_ridge(rest.gram, rest.cross, R, rest.n * penalty)
            if weights is None:
                return None
            return weights, rest.target_mean - rest.feature_mean @ weights

        found = side_by_side(solved, self.sums[:n_folds])
        kept = [fitted for fitted in found if fitted is not None]
        return kept if len(kept) == len(found) else None

    def final(self, penalty: float) -> Weights:
        """Weights from all folds, by one more Cholesky factor."""
        R = self.features.penalty(self.total)
        fit = next(ridge_path(self.total, R, penalties=[penalty]), None)
        if fit is None:
            raise singular(penalty)
        return fit.weights, fit.intercept

    def effective_dof(self, penalty: float, rng: np.random.Generator) -> float:
        """Of ``final``, from random signs."""
        return effective_dof(self.total, self.features.penalty(self.total), penalty, rng)


def singular(penalty: float) -> np.linalg.LinAlgError:
    """What to raise where no weights are found."""
    return np.linalg.LinAlgError(f"the features are singular at penalty {penalty:.3g}")


def leading_features(whole: Features, width: int) -> Features:
    """The first ``width`` features alone."""
    square = None if whole.square is None else whole.square[: width - whole.square_at]
    return replace(
        whole,
        compute=lambda rows: whole.compute(rows)[:, :width],
        width=width,
        square=None if square is None else square[:, : width - whole.square_at],
    )


def cross_fit(features: Features, X: Floats, columns: Floats, rows: Ints) -> CrossFit:
    """One pass over ``rows``, which are in random order."""
    folds = tuple(rows[start::N_FOLDS] for start in range(N_FOLDS))
    sums = side_by_side(lambda fold: gram_sums(features.blocks(X, fold, columns)), folds)
    return CrossFit(features, X, columns, folds, tuple(sums))


def effective_dof(sums: GramSums, R: Floats, penalty: float, rng: np.random.Generator) -> float:
    """Trace of the smoother, the intercept counted, from random signs: exact within a few percent.

    The signs meet the smoother as root^-1 gram root^-T, whose values are in [0, 1]. The same trace
    as system^-1 gram is that of no symmetric matrix, and signs then miss it by half.

    Source: Hutchinson 1990, doi:10.1080/03610919008812866.
    """
    system = sums.gram / sums.n + penalty * (np.diag(R) if R.ndim == 1 else R)
    probes = rng.choice([-1.0, 1.0], (len(system), PROBES))
    with threads_for(len(system)):
        root = scipy.linalg.cholesky(system, lower=True, overwrite_a=True, check_finite=False)
        white = scipy.linalg.solve_triangular(root, probes, lower=True, trans=1, check_finite=False)
        image = sums.gram @ white
    return float((white * image).sum() / (PROBES * sums.n)) + 1.0


def downhill(penalties: Iterable[float], losses: Iterable[float]) -> tuple[float, float]:
    """Walk on while each step pays: the last penalty that did, and its loss."""
    best = (np.nan, np.inf)
    for penalty, loss in zip(penalties, losses, strict=False):
        if loss > WORTH_A_STEP * best[1]:
            break
        best = (penalty, loss)
    return best


def leading_sums(sums: GramSums, width: int) -> GramSums:
    """The sums of the first ``width`` features alone."""
    return replace(
        sums,
        feature_mean=sums.feature_mean[:width],
        gram=sums.gram[:width, :width],
        cross=sums.cross[:width],
    )


def _without(total: GramSums, part: GramSums) -> GramSums:
    """The sums of all rows but the part's: the inverse of adding them."""
    n = total.n - part.n
    share = part.n / n
    step, lift = part.feature_mean - total.feature_mean, part.target_mean - total.target_mean
    between = part.n * total.n / n
    gram = np.subtract(total.gram, part.gram, order="C")
    dger(-between, step, step, a=gram.T, overwrite_x=False, overwrite_y=False, overwrite_a=True)
    return GramSums(
        n=n,
        feature_mean=total.feature_mean - share * step,
        target_mean=total.target_mean - share * lift,
        gram=gram,
        cross=total.cross - part.cross - between * np.outer(step, lift),
        target_square=total.target_square - part.target_square - between * lift**2,
    )
