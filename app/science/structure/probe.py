"""A cheap kernel ridge, and the metric in which it predicts best.

The probe is what a teacher would be at a thousandth of the cost: a few hundred Nystrom centers
beside a linear part, its penalty by generalized cross-validation. Its leave-one-out residuals are
exact and cost as much as the fit.

Source: Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717 (Nystrom kernel ridge); Allen 1974,
doi:10.1080/00401706.1974.10489157 (leave-one-out residuals in closed form); Radhakrishnan,
Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639 (metric from gradients).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from app.science.linalg import Floats, GramSums, gram_sums, median_squared_distance, ridge_gcv
from app.science.mimicry.kernels import KERNELS, KernelName, kernel_matrix
from app.science.mimicry.metric import Expansion, Metric, scaled
from app.science.mimicry.search import column_gains
from app.science.parallel import side_by_side

JITTER = 1e-5
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-9.0, 0.1, 0.5))
CHOICE_ROWS, CHOICE_CENTERS = 2500, 250
TURNS = 2
WIDTHS = (0.4, 0.63, 1.6)
"""Bandwidths to try at the end, in units of the one that was started with."""
WORTH_A_TURN = 0.98


@dataclass(frozen=True)
class Shape:
    """A metric, a kernel, and its bandwidth in median distances."""

    metric: Metric
    kernel: KernelName
    bandwidth: float


@dataclass(frozen=True)
class Probe:
    """f(x) = intercept + [x, k(|x matrix - center|^2 / squared_bandwidth)] @ weights.

    range : of the targets; out_of_sample : (n,), what the fit without a row predicts for it; gcv
    in squared units of the target
    """

    shape: Shape
    centers: Floats
    squared_bandwidth: float
    weights: Floats
    intercept: float
    range: tuple[float, float]
    out_of_sample: Floats
    gcv: float

    def predict(self, X: Floats) -> Floats:
        """(n,), within the range of the targets: the linear part may lead far out of it."""
        features = _features(self.shape, X, self.centers, self.squared_bandwidth)
        return np.asarray((features @ self.weights + self.intercept).clip(*self.range))


def fit(shape: Shape, X: Floats, y: Floats, n_centers: int) -> Probe:
    """Fit to rows (n, p) in random order; the first ones become centers, at most half of them."""
    Z = X @ shape.metric.matrix
    width = median_squared_distance(Z, np.random.default_rng(len(Z))) * shape.bandwidth**2
    centers = Z[: min(n_centers, len(Z) // 2)]
    features = _features(shape, X, centers, width)
    sums = gram_sums([(features, y[:, None])])
    square = _penalty(sums, shape.kernel, centers, width)
    ridge = ridge_gcv(sums, square, penalties=PENALTIES, one_standard_error=False)
    weights, intercept = ridge.weights[:, 0], float(ridge.intercept[0])
    leverage = _leverage(features - sums.feature_mean, sums, len(Z) * ridge.penalty * square)
    ends = (float(y.min()), float(y.max()))
    left_out = (y - (y - features @ weights - intercept) / (1.0 - leverage)).clip(*ends)
    return Probe(shape, centers, width, weights, intercept, ends, left_out, ridge.gcv)


def _features(shape: Shape, X: Floats, centers: Floats, width: float) -> Floats:
    kernel = kernel_matrix(shape.kernel, X @ shape.metric.matrix, centers, width)
    return np.concatenate([X, kernel], axis=1)


def _penalty(sums: GramSums, kernel: KernelName, centers: Floats, width: float) -> Floats:
    """The expansion's norm, beside the variances of the linear part's columns."""
    p = sums.gram.shape[0] - len(centers)
    spread = np.maximum(np.diagonal(sums.gram)[:p] / sums.n, JITTER)
    square = kernel_matrix(kernel, centers, centers, width) + JITTER * np.eye(len(centers))
    return np.asarray(scipy.linalg.block_diag(np.diag(spread), square))


def _leverage(centered: Floats, sums: GramSums, penalty: Floats) -> Floats:
    """(n,), the weight of each row in its own prediction."""
    root = scipy.linalg.cholesky(sums.gram + penalty, lower=True, check_finite=False)
    half = scipy.linalg.solve_triangular(root, centered.T, lower=True, check_finite=False)
    leverage: Floats = (half * half).sum(axis=0) + 1.0 / sums.n
    return leverage.clip(max=1.0 - 1e-6)


def choose(X: Floats, y: Floats, rng: np.random.Generator, metric: Floats | None = None) -> Shape:
    """The metric, kernel and bandwidth of least generalized cross-validation on a few rows.

    Parameters
    ----------
    X : (n, p), rows in random order; y : (n,)
    metric : (p, q), where it is known already; else columns weighted by the gain of a few trees
        and the plain columns are tried, and the better one is turned along the fit's gradients
    """
    rows, values = X[:CHOICE_ROWS], y[:CHOICE_ROWS]
    starts = _starts(rows, values, rng) if metric is None else [Metric(metric, "given")]
    best = _best(
        rows, values, [Shape(m, name, KERNELS[name].bandwidth) for m in starts for name in KERNELS]
    )
    for _ in range(TURNS if metric is None else 0):
        turned = _best(rows, values, [_turned(best, rows, diagonal) for diagonal in (True, False)])
        if turned.gcv > WORTH_A_TURN * best.gcv:
            break
        best = turned
    start = best.shape.bandwidth
    widths = [replace(best.shape, bandwidth=factor * start) for factor in WIDTHS]
    return min((best, _best(rows, values, widths)), key=_gcv).shape


def _starts(X: Floats, y: Floats, rng: np.random.Generator) -> list[Metric]:
    plain = scaled(np.ones(X.shape[1]), "columns")
    if X.shape[1] == 1:
        return [plain]
    return [plain, scaled(np.sqrt(column_gains(X, y[:, None], rng)), "gains^0.5")]


def _turned(probe: Probe, X: Floats, diagonal: bool) -> Shape:
    p = X.shape[1]
    weights = probe.weights[p:, None]
    expansion = Expansion(probe.shape.kernel, probe.centers, weights, probe.squared_bandwidth)
    return replace(probe.shape, metric=probe.shape.metric.next(X, expansion, diagonal=diagonal))


def _best(X: Floats, y: Floats, shapes: Iterable[Shape]) -> Probe:
    fitted = side_by_side(lambda shape: fit(shape, X, y, CHOICE_CENTERS), shapes)
    return min(fitted, key=_gcv)


def _gcv(probe: Probe) -> float:
    return probe.gcv
