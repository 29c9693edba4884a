"""Ridge that predicts every row from the other folds, for little more than the price of one fit.

The sums of a fold are additive: one pass over the rows leaves one Gram matrix a fold, and the
model without a fold is one Cholesky factor of the others' sum. Features that are made of the fold's
own rows, as centers are, stay out of its model too: at its rows they would be far off, since no
other row is as near.

Source: Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x (cross-validatory choice).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg.blas import dger

from app.science.linalg import (
    Block,
    Floats,
    GramSums,
    gram_sums,
    ridge_factor,
    rows_per_block,
    solve_factored,
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
KEPT_BYTES = 2**30
"""Features of all rows that are kept for what comes after the sums; more of them are made anew."""

EMPTY: Floats = np.empty((0, 0))

Weights = tuple[Floats, Floats]
"""Weights (m, c) and intercept (c,)."""
Loss = Callable[[Floats, Ints], float]


@dataclass(frozen=True)
class Solution:
    """Outputs (n, c) of rows (n,) by models that did not see them, and the model of all rows.

    steps : beyond least squares, see ``squared_hinge.py``
    """

    rows: Ints
    outputs: Floats
    final: Weights
    steps: int = 0


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
        """The model of all folds alone.

        Raises
        ------
        numpy.linalg.LinAlgError
            The features are singular at this penalty.
        """

    @abstractmethod
    def solution(self, penalty: float) -> Solution:
        """Out-of-fold outputs of all rows, and the model of all folds.

        Raises
        ------
        numpy.linalg.LinAlgError
            The features are singular at this penalty.
        """

    @abstractmethod
    def effective_dof(self, penalty: float, rng: np.random.Generator) -> float:
        """Of the model of all folds, the intercept counted; exact within a few percent."""

    def losses(self, penalties: Iterable[float], loss: Loss) -> Iterator[float]:
        """Loss of each penalty on the choice folds; ends where the features are singular."""
        rows = [fold[:CHOICE_ROWS] for fold in self.folds[:CHOICE_FOLDS]]
        features = self.choice_features(rows)
        for penalty in penalties:
            weights = self.weights(penalty, CHOICE_FOLDS)
            if weights is None:
                return
            outputs = [F @ w + b for F, (w, b) in zip(features, weights, strict=True)]
            yield loss(np.concatenate(outputs), np.concatenate(rows))

    def choice_features(self, rows: list[Ints]) -> list[Floats]:
        """Of the first rows of the choice folds."""
        return [np.asarray(self.features.compute(self.X[part])) for part in rows]

    def predict(self, rows: Floats, weights: Floats, intercept: Floats) -> Floats:
        """(b, c), blocked over rows."""
        step = rows_per_block(self.features.width)
        blocks = [np.empty((0, len(intercept)))]
        for start in range(0, len(rows), step):
            features = self.features.compute(rows[start : start + step])
            blocks.append(np.asarray(features @ weights + intercept, dtype=np.float64))
        return np.concatenate(blocks)


@dataclass(frozen=True)
class System:
    """Ridge on some rows' sums, factored: any right-hand side is two triangular solves.

    sums : of the rows, without their Gram matrix; which : (k,), the features that take part, all
    other weights are zero
    """

    factor: Floats
    sums: GramSums
    which: Ints

    def weights(self) -> Weights:
        """For the target of the sums."""
        weights = self.solved(self.sums.cross)
        return weights, self.sums.target_mean - self.sums.feature_mean @ weights

    def solved(self, cross: Floats) -> Floats:
        """(m, c), for centered products (m, c) of the features with any target."""
        found = np.zeros_like(cross)
        found[self.which] = solve_factored(self.factor, cross[self.which])
        return found


@dataclass(frozen=True)
class CrossFit(OutOfFold):
    """By the folds' sums: one pass over the rows serves every penalty.

    kept : the folds' features (n_fold, m), none where they are too many
    """

    sums: tuple[GramSums, ...]
    kept: tuple[Floats, ...] = ()

    @cached_property
    def total(self) -> GramSums:
        """Sums of all folds."""
        return reduce(add, self.sums)

    def leading(self, width: int) -> "CrossFit":
        """The same over the first ``width`` features alone; nothing is summed again."""
        return replace(
            self,
            features=leading_features(self.features, width),
            sums=tuple(leading_sums(part, width) for part in self.sums),
            kept=tuple(features[:, :width] for features in self.kept),
        )

    def choice_features(self, rows: list[Ints]) -> list[Floats]:
        """Of the first rows of the choice folds."""
        if not self.kept:
            return super().choice_features(rows)
        return [kept[: len(part)] for kept, part in zip(self.kept, rows, strict=False)]

    def weights(self, penalty: float, n_folds: int = N_FOLDS) -> list[Weights] | None:
        """Weights without each of the first folds; None where singular."""
        try:
            return self._weights(penalty, range(n_folds))
        except np.linalg.LinAlgError:
            return None

    def _weights(self, penalty: float, left_out: Iterable[int | None]) -> list[Weights]:
        """Without each of the folds, or without none; no factor outlives its weights."""
        return side_by_side(lambda fold: self.system(fold, penalty).weights(), left_out)

    def systems(self, penalty: float) -> tuple[System, ...]:
        """Without each of the folds, and last without none.

        Raises
        ------
        numpy.linalg.LinAlgError
            One of them is singular.
        """
        return tuple(side_by_side(lambda fold: self.system(fold, penalty), (*range(N_FOLDS), None)))

    def final(self, penalty: float) -> Weights:
        """The model of all folds alone."""
        return self.system(None, penalty).weights()

    def solution(self, penalty: float) -> Solution:
        """Out-of-fold outputs of all rows, and the model of all folds."""
        *without, whole = self._weights(penalty, (*range(N_FOLDS), None))
        outputs = side_by_side(
            lambda number: self.fold_outputs(number, *without[number]), range(N_FOLDS)
        )
        return Solution(np.concatenate(self.folds), np.concatenate(outputs), whole)

    def fold_outputs(self, number: int, weights: Floats, intercept: Floats) -> Floats:
        """(n_fold, c)."""
        if self.kept:
            return np.asarray(self.kept[number] @ weights + intercept)
        return self.predict(self.X[self.folds[number]], weights, intercept)

    def system(self, fold: int | None, penalty: float) -> System:
        """Without the fold, or of all rows.

        Raises
        ------
        numpy.linalg.LinAlgError
            It is singular.
        """
        sums, R = self.total, self.penalty_matrix
        which = np.flatnonzero(others(self.features, fold))
        whole = len(which) == self.features.width
        if fold is None:
            gram = sums.gram.copy()
        else:
            sums, gram = _without(self.total, self.sums[fold], which)
        factor = ridge_factor(gram, R if whole else R[np.ix_(which, which)], sums.n * penalty)
        if factor is None:
            raise singular(penalty)
        return System(factor, replace(sums, gram=EMPTY), which)

    @cached_property
    def penalty_matrix(self) -> Floats:
        """R, (m, m)."""
        R = self.features.penalty(self.total)
        return np.diag(R) if R.ndim == 1 else R

    def effective_dof(self, penalty: float, rng: np.random.Generator) -> float:
        """Of the model of all folds, from random signs."""
        return effective_dof(self.total, self.penalty_matrix, penalty, rng)


def others(features: Features, fold: int | None) -> NDArray[np.bool_]:
    """(m,), whether a feature is made of no row of the fold."""
    if fold is None or features.made_of is None:
        return np.ones(features.width, dtype=np.bool_)
    return np.asarray((features.made_of < 0) | (features.made_of % N_FOLDS != fold))


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
        made_of=None if whole.made_of is None else whole.made_of[:width],
    )


def cross_fit(features: Features, X: Floats, columns: Floats, rows: Ints) -> CrossFit:
    """One pass over ``rows``, which are in random order."""
    folds = tuple(rows[start::N_FOLDS] for start in range(N_FOLDS))
    if 8 * len(rows) * features.width > KEPT_BYTES:
        sums = side_by_side(lambda fold: gram_sums(features.blocks(X, fold, columns)), folds)
        return CrossFit(features, X, columns, folds, tuple(sums))
    pairs = side_by_side(lambda fold: _kept_sums(features, X, columns, fold), folds)
    kept, found = zip(*pairs, strict=True)
    return CrossFit(features, X, columns, folds, found, kept)


def _kept_sums(
    features: Features, X: Floats, columns: Floats, rows: Ints
) -> tuple[Floats, GramSums]:
    kept = np.empty((len(rows), features.width))

    def blocks() -> Iterator[Block]:
        start = 0
        for found, targets in features.blocks(X, rows, columns):
            here = kept[start : start + len(found)]
            here[:] = found
            start += len(found)
            yield here, targets

    return kept, gram_sums(blocks())


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


def downhill(
    penalties: Iterable[float], losses: Iterable[float], worth: float = WORTH_A_STEP
) -> tuple[float, float]:
    """Walk on while each step brings the loss below ``worth`` times the least: where that ends."""
    best, least = (np.nan, np.inf), np.inf
    for penalty, loss in zip(penalties, losses, strict=False):
        if loss > worth * least:
            break
        best, least = (penalty, loss), min(least, loss)
    return best


def leading_sums(sums: GramSums, width: int) -> GramSums:
    """The sums of the first ``width`` features alone."""
    return replace(
        sums,
        feature_mean=sums.feature_mean[:width],
        gram=sums.gram[:width, :width],
        cross=sums.cross[:width],
    )


def _without(total: GramSums, part: GramSums, which: Ints) -> tuple[GramSums, Floats]:
    """The sums of all rows but the part's, and the Gram matrix (k, k) of the features ``which``."""
    n = total.n - part.n
    share = part.n / n
    step, lift = part.feature_mean - total.feature_mean, part.target_mean - total.target_mean
    between = part.n * total.n / n
    here = slice(None) if len(which) == len(step) else np.ix_(which, which)
    gram = np.subtract(total.gram[here], part.gram[here], order="C")
    own = step[which]
    dger(-between, own, own, a=gram.T, overwrite_x=False, overwrite_y=False, overwrite_a=True)
    sums = GramSums(
        n=n,
        feature_mean=total.feature_mean - share * step,
        target_mean=total.target_mean - share * lift,
        gram=EMPTY,
        cross=total.cross - part.cross - between * np.outer(step, lift),
        target_square=total.target_square - part.target_square - between * lift**2,
    )
    return sums, gram
