"""Out-of-fold ridge by preconditioned conjugate gradients, for very many features.

Every fold left out, all rows and every penalty are right-hand sides of one iteration, so that a
pass over the features serves them all; the features are kept where they fit a budget, else made
anew in blocks. The preconditioner is the Cholesky factor of the same system over a random part of
the rows: spectrally near the whole, whose factor it is where the part is everything.

Source: Rudi, Carratino and Rosasco 2017, arXiv:1705.10958 (Falkon). Differs from the paper: the
preconditioner sums a part of the rows instead of reusing the kernel among centers, so a linear
part and any penalty fit in; an intercept; masks instead of fits leave the folds out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats, GramSums, gram_sums, rows_per_block, threads_for
from app.science.mimicry import cross_fit as direct
from app.science.mimicry.cross_fit import N_FOLDS, PROBES, Loss, OutOfFold, Solution, Weights
from app.science.mimicry.head import Features
from app.science.mimicry.target import Ints

CACHE_BYTES = 2**30
BLOCK_BYTES = 4 * 2**20
SAMPLE_ROWS_PER_FEATURE = 6
"""Making the features anew costs more than a few such rows: with 3 of them a third more steps."""
TOLERANCE = 1e-5
"""Of the error in the norm of the system, which bounds the one of the predictions."""
DOF_TOLERANCE = 0.1
"""Its square is the relative error."""
MOST_STEPS = 60
TINY = 1e-300

SEEN = np.hstack([1.0 - np.eye(N_FOLDS), np.ones((N_FOLDS, 1))])
"""Whether a fold (row) belongs to a system (column): each leaves one fold out, the last none."""

FEATURE_COST, KEPT_COST, COLUMN_COST = 500.0, 100.0, 5.0
"""Of making one number of the features, of reading one that was kept, and of one right-hand side
that meets it twice, in units of one number of a symmetric product, which is 0.02 ns."""
USUAL_STEPS, USUAL_PENALTIES = 16, 3
DIRECT_MATRICES, MOST_BYTES = 14, 3 * 2**30
"""Of features by features that the direct fit holds at its peak, and what they may take."""

Map = Callable[[Floats], Floats]
Factor = tuple[Floats, bool]


@dataclass(frozen=True)
class Stream:
    """Features of rows in a fixed order, block by block.

    rows : (n,), row numbers into X; kept : the blocks (b, m) where all of them fit
    """

    features: Features
    X: Floats
    rows: Ints
    kept: tuple[Floats, ...] | None = None

    def cached(self, budget_bytes: int) -> "Stream":
        """With the blocks kept, if the budget allows."""
        if 8 * len(self.rows) * self.features.width > budget_bytes:
            return self
        return replace(self, kept=tuple(block for _, block in self.blocks()))

    def leading(self, width: int) -> "Stream":
        """The first ``width`` features alone."""
        kept = None if self.kept is None else tuple(block[:, :width] for block in self.kept)
        return replace(self, features=direct.leading_features(self.features, width), kept=kept)

    def blocks(self) -> Iterator[tuple[Ints, Floats]]:
        """Places (b,) in ``rows`` and their features (b, m)."""
        done = 0
        for block in self._made() if self.kept is None else self.kept:
            yield np.arange(done, done + len(block)), block
            done += len(block)

    def _made(self) -> Iterator[Floats]:
        step = rows_per_block(self.features.width, budget_bytes=BLOCK_BYTES)
        for start in range(0, len(self.rows), step):
            rows = self.X[self.rows[start : start + step]]
            yield np.asarray(self.features.compute(rows), dtype=np.float64)


@dataclass(frozen=True)
class Systems:
    """Right-hand sides and centers of the systems that leave one fold out, and of that of all rows.

    seen : (folds, s), 1 where a fold belongs to a system; n : (s,); mean : (s, m), of the features;
    target_mean : (s, c); cross : (s, c, m), centered sums over n; spread : (m,), centered sums of
    squares over all rows
    """

    seen: Floats
    n: Floats
    mean: Floats
    target_mean: Floats
    cross: Floats
    spread: Floats

    def last(self) -> "Systems":
        """That of all rows alone."""
        parts = (self.seen[:, -1:], self.n[-1:], self.mean[-1:], self.target_mean[-1:])
        return Systems(*parts, self.cross[-1:], self.spread)

    def leading(self, width: int) -> "Systems":
        """The first ``width`` features alone."""
        mean, cross, spread = (a[..., :width] for a in (self.mean, self.cross, self.spread))
        return replace(self, mean=mean, cross=cross, spread=spread)

    def products(self, stream: Stream, weights: Floats) -> Floats:
        """Centered Gram matrices over n times weights, both (g, s, c, m), in one pass."""
        shape = weights.shape
        flat = torch.as_tensor(weights.reshape(-1, shape[-1]))
        center = torch.as_tensor((weights * self.mean[:, None, :]).sum(axis=-1))  # (g, s, c)
        seen = torch.as_tensor(self.seen)
        found = torch.zeros_like(flat)
        for places, block in stream.blocks():
            F = torch.as_tensor(block)
            values = (F @ flat.T).view(-1, *shape[:-1])
            values -= center
            values *= seen[places % N_FOLDS][:, None, :, None]
            found.addmm_(values.view(len(F), -1).T, F)
            # The mean times the sum of these values would be next, but that sum is zero.
        return np.asarray(found.numpy().reshape(shape) / self.n[:, None, None])

    def pulled(self, stream: Stream, rng: np.random.Generator) -> Floats:
        """(1, PROBES, m), centered features times random signs over sqrt(n), of all rows."""
        total, signs = np.zeros((PROBES, self.mean.shape[1])), np.zeros(PROBES)
        for _, F in stream.blocks():
            drawn = rng.choice([-1.0, 1.0], (PROBES, len(F)))
            total += drawn @ F
            signs += drawn.sum(axis=1)
        centered = total - np.outer(signs, self.mean[-1])
        return np.asarray(centered[None] / np.sqrt(self.n[-1]))


def systems(stream: Stream, columns: Floats, center: Floats) -> Systems:
    """One pass for all sums; center (m,) is near the features' mean, so that no digit is lost."""
    m, c = len(center), columns.shape[1]
    n, total, square = np.zeros(N_FOLDS), np.zeros((N_FOLDS, m)), np.zeros(m)
    target_total, cross = np.zeros((N_FOLDS, c)), np.zeros((N_FOLDS, c, m))
    target_center = columns[stream.rows].mean(axis=0)
    for places, block in stream.blocks():
        F, Y = block - center, columns[stream.rows[places]] - target_center
        fold = np.eye(N_FOLDS)[places % N_FOLDS]  # (b, folds)
        n += fold.sum(axis=0)
        total += fold.T @ F
        target_total += fold.T @ Y
        square += np.einsum("bm,bm->m", F, F)
        labelled = (fold[:, :, None] * Y[:, None, :]).reshape(len(F), -1)
        cross += (labelled.T @ F).reshape(cross.shape)
    n_seen = SEEN.T @ n
    mean, target_mean = (SEEN.T @ t / n_seen[:, None] for t in (total, target_total))
    crosses = np.einsum("fs,fcm->scm", SEEN, cross) / n_seen[:, None, None]
    return Systems(
        seen=SEEN,
        n=n_seen,
        mean=mean + center,
        target_mean=target_mean + target_center,
        cross=crosses - target_mean[:, :, None] * mean[:, None, :],
        spread=(square - n_seen[-1] * mean[-1] ** 2).clip(0.0),
    )


def solve(
    product: Map, precondition: Map, right: Floats, tolerance: float, most: int = MOST_STEPS
) -> tuple[Floats, NDArray[np.bool_], int]:
    """Positive definite systems along the last axis, each right-hand side (..., m) by itself.

    Returns
    -------
    The solutions, which of them reached the tolerance (...,), and the number of steps
    """
    found, rest = np.zeros_like(right), right.copy()
    ahead = precondition(rest)
    way, level = ahead.copy(), _dot(rest, ahead)
    goal, steps = tolerance**2 * level, 0
    while steps < most and (level > goal).any():
        steps += 1
        image = product(way)
        length = (level / np.maximum(_dot(way, image), TINY))[..., None]
        found += length * way
        rest -= length * image
        ahead = precondition(rest)
        before, level = level, _dot(rest, ahead)
        way = ahead + (level / np.maximum(before, TINY))[..., None] * way
    return found, np.asarray(level <= goal), steps


def _dot(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("...m,...m->...", left, right))


@dataclass(frozen=True)
class IterativeFit(OutOfFold):
    """By conjugate gradients; weights that were found once are kept.

    sample : sums of all rows guessed from a part, for the preconditioner; solved : weights of every
    system by penalty, None where they were not found; steps : of each solve so far
    """

    stream: Stream
    systems: Systems
    sample: GramSums
    tolerance: float = TOLERANCE
    solved: dict[float, list[Weights] | None] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)

    def leading(self, width: int) -> "IterativeFit":
        """The same over the first ``width`` features alone; nothing is summed again."""
        stream = self.stream.leading(width)
        return replace(
            self,
            features=stream.features,
            stream=stream,
            systems=self.systems.leading(width),
            sample=direct.leading_sums(self.sample, width),
            solved={},
            steps=[],
        )

    def losses(self, penalties: Iterable[float], loss: Loss) -> Iterator[float]:
        """Loss of each penalty on the choice folds; all of them are solved in the same passes."""
        wanted = list(penalties)
        self._solve([penalty for penalty in wanted if penalty not in self.solved])
        yield from super().losses(wanted, loss)

    def weights(self, penalty: float, n_folds: int = N_FOLDS) -> list[Weights] | None:
        """Weights without each of the first folds; None where they were not found."""
        found = self._found(penalty)
        return None if found is None else found[:n_folds]

    def final(self, penalty: float) -> Weights:
        """The model of all folds alone."""
        return self._found_or_singular(penalty)[-1]

    def solution(self, penalty: float) -> Solution:
        """Out-of-fold outputs of all rows, and the model of all folds."""
        *without, whole = self._found_or_singular(penalty)
        outputs = [
            self.predict(self.X[fold], *weights)
            for fold, weights in zip(self.folds, without, strict=True)
        ]
        return Solution(np.concatenate(self.folds), np.concatenate(outputs), whole)

    def effective_dof(self, penalty: float, rng: np.random.Generator) -> float:
        """Of the model of all folds: how much of pure noise it would follow.

        With signs for targets the form is symmetric, so that its error is the square of the
        weights' one.
        """
        whole, factor = self.systems.last(), self._factor(penalty)
        if factor is None:
            raise direct.singular(penalty)
        noise = whole.pulled(self.stream, rng)[None]
        found = self._iterated(whole, {penalty: factor}, noise, DOF_TOLERANCE)[0]
        return float((noise * found).sum() / PROBES) + 1.0

    def _found(self, penalty: float) -> list[Weights] | None:
        if penalty not in self.solved:
            self._solve([penalty])
        return self.solved[penalty]

    def _found_or_singular(self, penalty: float) -> list[Weights]:
        found = self._found(penalty)
        if found is None:
            raise direct.singular(penalty)
        return found

    def _solve(self, penalties: list[float]) -> None:
        factors = {penalty: self._factor(penalty) for penalty in penalties}
        regular = {penalty: factor for penalty, factor in factors.items() if factor is not None}
        self.solved.update(dict.fromkeys(penalties))
        if not regular:
            return
        right = np.stack([self.systems.cross] * len(regular))
        found, reached = self._iterated(self.systems, regular, right, self.tolerance)
        for penalty, weights, good in zip(regular, found, reached, strict=True):
            if good.all():
                self.solved[penalty] = self._read(weights)

    def _read(self, weights: Floats) -> list[Weights]:
        """From (s, c, m)."""
        pairs = zip(weights, self.systems.mean, self.systems.target_mean, strict=True)
        return [(w.T.copy(), target_mean - w @ mean) for w, mean, target_mean in pairs]

    def _iterated(
        self, over: Systems, factors: dict[float, Factor], right: Floats, tolerance: float
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Solutions (g, s, c, m) of one penalty each along the first axis."""
        R = self._penalty()
        takes_part = self._takes_part(over)
        levels = np.array(list(factors))[:, None, None, None]

        def product(weights: Floats) -> Floats:
            pull = weights * R if R.ndim == 1 else weights @ R
            return (over.products(self.stream, weights) + levels * pull) * takes_part

        def precondition(rest: Floats) -> Floats:
            return _preconditioned(list(factors.values()), rest) * takes_part

        found, reached, steps = solve(product, precondition, right * takes_part, tolerance)
        self.steps.append(steps)
        return found, reached

    def _takes_part(self, over: Systems) -> Floats:
        """(s, 1, m), 1 for features that are made of no row which a system leaves out."""
        unseen = [np.flatnonzero(seen == 0.0) for seen in over.seen.T]
        folds = [int(which[0]) if len(which) else None for which in unseen]
        parts = [direct.others(self.features, fold) for fold in folds]
        return np.stack(parts)[:, None, :].astype(np.float64)

    def _penalty(self) -> Floats:
        """R by all rows' variances."""
        n, spread = int(self.systems.n[-1]), np.diag(self.systems.spread)
        return self.features.penalty(replace(self.sample, n=n, gram=spread))

    def _factor(self, penalty: float) -> Factor | None:
        """The preconditioner of every system at a penalty, or None where it is singular."""
        R = self._penalty()
        system = self.sample.gram / self.sample.n + penalty * (np.diag(R) if R.ndim == 1 else R)
        try:
            with threads_for(len(system)):
                root, lower = scipy.linalg.cho_factor(system, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        return root, lower


def _preconditioned(factors: list[Factor], rest: Floats) -> Floats:
    """(g, s, c, m), one factor for each of the first axis."""
    parts = []
    with threads_for(rest.shape[-1]):
        for factor, part in zip(factors, rest, strict=True):
            flat = part.reshape(-1, part.shape[-1]).T
            parts.append(scipy.linalg.cho_solve(factor, flat, check_finite=False).T)
    return np.stack(parts).reshape(rest.shape)


def iterative_fit(
    features: Features,
    X: Floats,
    columns: Floats,
    rows: Ints,
    *,
    cache_bytes: int = CACHE_BYTES,
    tolerance: float = TOLERANCE,
) -> IterativeFit:
    """One pass over ``rows``, which are in random order, and the sums of a part of them."""
    sample = _sample(features, X, columns, rows)
    stream = Stream(features, X, rows).cached(cache_bytes)
    folds = tuple(rows[start::N_FOLDS] for start in range(N_FOLDS))
    summed = systems(stream, columns, sample.feature_mean)
    return IterativeFit(features, X, columns, folds, stream, summed, sample, tolerance)


def _sample(features: Features, X: Floats, columns: Floats, rows: Ints) -> GramSums:
    """Sums over the first rows and over a random part of the others that stands for all of them.

    The first rows are often the centers of the features, and a row's feature of itself is like no
    other row's: a part of them would miss directions that only they reach.
    """
    m = features.width
    first, rest = rows[:m], rows[m:]
    part = rest[: SAMPLE_ROWS_PER_FEATURE * m]
    found = gram_sums(features.blocks(X, first, columns))
    if not len(part):
        return found
    share = len(rest) / len(part)
    sums = gram_sums(features.blocks(X, part, columns))
    scaled = (sums.gram * share, sums.cross * share, sums.target_square * share)
    return found + GramSums(len(rest), sums.feature_mean, sums.target_mean, *scaled)


def fit(features: Features, X: Floats, columns: Floats, rows: Ints) -> OutOfFold:
    """Direct or iterative, whichever is better at this size."""
    if iterative_pays(len(rows), features.width, columns.shape[1]):
        return iterative_fit(features, X, columns, rows)
    return direct.cross_fit(features, X, columns, rows)


def iterative_pays(n_rows: int, width: int, n_outputs: int) -> bool:
    """Whether the direct fit needs more operations, or more memory than there should be.

    With few rows a feature the sample would be all rows, whose sums are what the direct fit needs.
    """
    if n_rows < SAMPLE_ROWS_PER_FEATURE * width:
        return False
    too_large = 8 * DIRECT_MATRICES * width**2 > MOST_BYTES
    return too_large or _iterative_cost(n_rows, width, n_outputs) < _direct_cost(n_rows, width)


def _direct_cost(n_rows: int, width: int) -> float:
    """One symmetric product, and the factors of all folds and penalties."""
    n_factors = direct.CHOICE_FOLDS * USUAL_PENALTIES + N_FOLDS + 1
    return float(n_rows) * width * (FEATURE_COST + width) + n_factors * width**3 / 3.0


def _iterative_cost(n_rows: int, width: int, n_outputs: int) -> float:
    """The sample and its factors, and the passes of the iteration."""
    numbers = float(n_rows) * width
    n_systems = USUAL_PENALTIES * (N_FOLDS + 1) * n_outputs
    again = KEPT_COST if 8.0 * numbers <= CACHE_BYTES else FEATURE_COST
    step = numbers * (again + COLUMN_COST * n_systems) + 2.0 * n_systems * width**2
    sample = (SAMPLE_ROWS_PER_FEATURE + 1.0) * width**2 * (FEATURE_COST + width)
    factors = USUAL_PENALTIES * width**3 / 3.0
    return numbers * FEATURE_COST + sample + factors + USUAL_STEPS * step
