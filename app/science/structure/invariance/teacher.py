"""A cheap convex teacher in a learned metric, cross-fitted on two halves of a sample.

Each half's predictor saw no target of the other half, neither in its metric nor in its weights,
so what it errs on there is independent of what it knows.

Source: Radhakrishnan, Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639 (metric
from gradients); Chernozhukov et al. 2018, doi:10.1111/ectj.12097 (cross-fitting). Differs from
the papers: averaged kernels where a group is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.science.linalg import (
    Floats,
    gram_sums,
    median_squared_distance,
    ridge_path,
    rows_per_block,
)
from app.science.mimicry.kernels import KERNELS, KernelName, kernel_matrix
from app.science.mimicry.metric import Expansion, Metric, gradient_outer_product, scaled
from app.science.mimicry.target import Ints
from app.science.structure.invariance.gains import column_gains
from app.science.structure.invariance.signed_permutation import SignedPermutation

CENTERS = 300
GRADIENT_ROWS = 1000
WIDEST_METRIC = 128
"""With more columns the plain distance is used: a learned one would cost seconds."""
ITERATIONS = 2
HELD_SHARE = 0.25
JITTER = 1e-5
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-1.0, -6.1, -1.0))
WORTH = 0.99
"""A smaller penalty has to cut the loss by this factor: large weights err far out."""

Map = Callable[[Floats], Floats]
Start = tuple[Metric, KernelName]


@dataclass(frozen=True)
class View:
    """What a teacher sees of a row: its representation, averaged over a finite orbit.

    orbit : the identity first, or empty; center : (p,), where the orbit's signs are counted from
    """

    represent: Map | None = None
    orbit: Sequence[SignedPermutation] = ()
    center: Floats | None = None

    def images(self, X: Floats) -> list[Floats]:
        """The represented rows under every element of the orbit."""
        moved = [X]
        if self.center is not None and self.orbit:
            moved = [g(X, self.center) for g in self.orbit]
        return [self.represent(rows) for rows in moved] if self.represent else moved

    def averaged(self, outer: Floats) -> Floats:
        """The mean of a symmetric (p, p) over the orbit, where it acts on what is seen."""
        if self.represent or not self.orbit:
            return outer
        return np.asarray(np.mean([g.conjugated(outer) for g in self.orbit], axis=0))


PLAIN = View()


@dataclass(frozen=True)
class Teacher:
    """f(x) = mean over g of k(g x, centers) @ weights + intercept."""

    metric: Metric
    expansion: Expansion
    intercept: Floats
    view: View
    held_loss: float

    def features(self, images: Sequence[Floats]) -> Floats:
        """(n, m), the kernel's mean over the images of the rows."""
        e = self.expansion
        total = np.zeros((len(images[0]), len(e.centers)))
        for rows in images:
            Z = rows @ self.metric.matrix
            total += kernel_matrix(e.kernel, Z, e.centers, e.squared_bandwidth)
        return np.asarray(total / len(images))

    def predict(self, X: Floats) -> Floats:
        """(n, c), in blocks of rows."""
        step = rows_per_block(max(len(self.expansion.centers), X.shape[1]))
        blocks = (self.view.images(X[at : at + step]) for at in range(0, len(X), step))
        outputs = [self.features(images) @ self.expansion.weights for images in blocks]
        return np.asarray(np.concatenate(outputs) + self.intercept)

    def gradients(self, seen: Floats) -> Floats:
        """(p, p), the mean outer product of the gradients at represented rows, with trace 1."""
        rows = seen[:GRADIENT_ROWS]
        outer = gradient_outer_product(rows, self.metric.matrix, self.expansion)
        return np.asarray(outer / max(float(np.trace(outer)), 1e-300))


@dataclass(frozen=True)
class _Fit:
    """Rows as the view shows them, targets, and how many of the rows choose nothing."""

    images: Sequence[Floats]
    Y: Floats
    view: View
    rng: np.random.Generator
    start: Start | None

    def run(self) -> Teacher:
        if self.start:
            return self._turns(self._solve(*self.start), self.start[1])
        best = min((self._solve(metric, "laplace") for metric in self._metrics()), key=_loss)
        best = self._turns(best, "laplace")
        return min(best, self._solve(best.metric, "gauss"), key=_loss)

    def _turns(self, best: Teacher, kernel: KernelName) -> Teacher:
        """Turn the metric as long as it pays."""
        for _ in range(ITERATIONS if self._narrow else 0):
            turned = self._solve(self._turned(best), kernel)
            if turned.held_loss >= best.held_loss:
                break
            best = turned
        return best

    @property
    def _narrow(self) -> bool:
        return bool(self.images[0].shape[1] <= WIDEST_METRIC)

    def _metrics(self) -> list[Metric]:
        seen = self.images[0]
        plain = scaled(np.ones(seen.shape[1]), "plain")
        if not self._narrow:
            return [plain]
        gains = column_gains(seen, self.Y, int(self.rng.integers(2**31)))
        gains = np.diagonal(self.view.averaged(np.diag(gains)))
        spread = self.view.averaged(np.diag(seen.var(axis=0)))
        weights = np.sqrt(gains / np.diagonal(spread).clip(1e-12))
        return [plain, scaled(weights, "gains^0.5")]

    def _turned(self, here: Teacher) -> Metric:
        outer = self.view.averaged(here.gradients(self.images[0]))
        return Metric(root(outer), here.metric.start, here.metric.iteration + 1)

    def _solve(self, metric: Metric, kernel: KernelName) -> Teacher:
        """Ridge on the kernel of some rows, its penalty by loss on held rows."""
        n_fit = len(self.Y) - int(HELD_SHARE * len(self.Y))
        Z = self.images[0][:n_fit] @ metric.matrix
        width = median_squared_distance(Z, np.random.default_rng(len(Z)))
        width *= KERNELS[kernel].bandwidth ** 2
        centers = Z[: min(CENTERS, n_fit // 2)]
        zero = np.zeros((len(centers), self.Y.shape[1]))
        best = Teacher(metric, Expansion(kernel, centers, zero, width), zero[0], self.view, np.inf)
        features = best.features(self.images)
        sums = gram_sums([(features[:n_fit], self.Y[:n_fit])])
        square = kernel_matrix(kernel, centers, centers, width) + JITTER * np.eye(len(centers))
        for ridge in ridge_path(sums, square, penalties=PENALTIES):
            errors = features[n_fit:] @ ridge.weights + ridge.intercept - self.Y[n_fit:]
            loss = float((errors**2).sum(axis=1).mean())
            if loss < WORTH * best.held_loss:
                expansion = replace(best.expansion, weights=ridge.weights)
                best = Teacher(metric, expansion, ridge.intercept, self.view, loss)
        return best


def root(outer: Floats) -> Floats:
    """(p, p), whose product with its transpose is the matrix, its largest diagonal entry as 1."""
    values, vectors = np.linalg.eigh(outer / max(float(np.diagonal(outer).max()), 1e-300))
    return np.asarray(vectors * np.sqrt(values.clip(0.0)))


def _loss(teacher: Teacher) -> float:
    return teacher.held_loss


def fit(
    X: Floats,
    Y: Floats,
    rng: np.random.Generator,
    view: View = PLAIN,
    start: Start | None = None,
) -> Teacher:
    """Fit on rows in random order.

    Parameters
    ----------
    X : (n, p); Y : (n, c), standardized or one-hot columns
    start : a first metric, for columns as the view shows them, and the kernel; by default searched
    """
    return _Fit(view.images(X), Y, view, rng, start).run()


@dataclass(frozen=True)
class CrossFit:
    """Two teachers, each with the rows that it did not see.

    X : (n, p), in random order; Y : (n, c); held : the rows of each half
    """

    X: Floats
    Y: Floats
    held: tuple[Ints, Ints]
    teachers: tuple[Teacher, Teacher]

    def predict(self, X: Floats) -> Floats:
        """(n, c), each row by the teacher that did not see its target; X : the rows, moved."""
        found = np.empty_like(self.Y)
        for rows, teacher in zip(self.held, self.teachers, strict=True):
            found[rows] = teacher.predict(X[rows])
        return found

    def losses(self, predicted: Floats) -> Floats:
        """(n,), squared errors summed over the outputs."""
        return np.asarray(((self.Y - predicted) ** 2).sum(axis=1))

    def embedded(self, X: Floats) -> list[Floats]:
        """The rows of each half in coordinates of the teacher that did not see their targets."""
        return [
            teacher.view.images(X[rows])[0] @ teacher.metric.matrix
            for rows, teacher in zip(self.held, self.teachers, strict=True)
        ]


Starts = tuple[Start | None, Start | None]


def cross_fit(
    X: Floats, Y: Floats, seed: int, view: View = PLAIN, starts: Starts = (None, None)
) -> CrossFit:
    """Fit both halves.

    Parameters
    ----------
    starts : of the two teachers, each known from its own half only
    """
    half = len(X) // 2
    held = np.arange(half, len(X)), np.arange(half)
    first, second = (
        fit(X[rows], Y[rows], np.random.default_rng([seed, k]), view, starts[k])
        for k, rows in enumerate(reversed(held))
    )
    return CrossFit(X, Y, held, (first, second))
