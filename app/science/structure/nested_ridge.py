"""Ridge on the leading columns of a feature matrix: every penalty of a width from one spectrum.

With the centered features F = sqrt(n) U sqrt(values) V^T, a row with coordinates a = V^T f is
predicted as a . sqrt(values) / (values + penalty) . U^T y / sqrt(n). Penalty 0 stands for the
limit: the least-squares solution of least norm. Generalized cross-validation has a limit there,
too, and estimates consistently what the deterministic equivalent of the risk says, without
knowing the features' law, the target or the noise.

Source: Hastie, Montanari, Rosset and Tibshirani 2022, doi:10.1214/21-AOS2133 (ridgeless risk and
its cross-validated estimate in the limit); Patil, Wei, Rinaldo and Tibshirani 2021,
arXiv:2006.10589 (it holds along the whole path). Differs from them: features are centered
on the fit rows, so n rows are interpolated from n - 1 features on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

from app.science.linalg import MAX_DOF_SHARE, Floats

RELATIVE_PENALTIES: tuple[float, ...] = tuple(float(v) for v in 10.0 ** np.arange(-10.0, 0.6, 0.5))
"""In units of the features' largest variance along any direction."""


@dataclass(frozen=True)
class Rows:
    """Fit and held-out rows about the fit rows' mean.

    F : (n, m), columns of mean 0; y : (n, c), of mean 0 and, summed over its
    columns, variance 1; F_held, y_held : (h, m) and (h, c), shifted and scaled alike, of which
    the first half only chooses penalties and the second only judges
    """

    F: Floats
    y: Floats
    F_held: Floats
    y_held: Floats

    def columns(self, chosen: Sequence[int] | slice) -> "Rows":
        """The rows with some of the features."""
        return Rows(self.F[:, chosen], self.y, self.F_held[:, chosen], self.y_held)

    @property
    def choosing(self) -> slice:
        """The held-out rows that choose."""
        return slice(0, len(self.y_held) // 2)

    @property
    def judging(self) -> slice:
        """The held-out rows that judge."""
        return slice(len(self.y_held) // 2, None)


def centered(F: Floats, y: Floats, fit: np.ndarray, held: np.ndarray) -> Rows:
    """Center by the fit rows and scale the target.

    Features keep their scale: a kernel unit that is nearly constant on the fit rows, scaled up,
    would decide alone on the held-out rows next to it.

    Parameters
    ----------
    F : (n, m); y : (n, c); fit, held : row numbers
    """
    mean, center = F[fit].mean(axis=0), y[fit].mean(axis=0)
    unit = float(np.sqrt(((y[fit] - center) ** 2).sum(axis=1).mean()))
    return Rows(
        F=F[fit] - mean,
        y=(y[fit] - center) / unit,
        F_held=F[held] - mean,
        y_held=(y[held] - center) / unit,
    )


@dataclass(frozen=True)
class Solved:
    """A head at one penalty, judged on held-out rows that had no say in it.

    risk : mean squared error in units of the target's variance, noise included, with the
    ``standard_error`` of its mean over held-out rows; predicted : the same from fit rows alone;
    noise_gain : variance of the prediction at a held-out row for noise of variance 1 in the fit
    rows' targets, exact given the features
    """

    penalty: float
    risk: float
    standard_error: float
    predicted: float
    noise_gain: float
    effective_dof: float


@dataclass(frozen=True)
class Spectrum:
    """One width's eigendecomposition.

    values : (r,), variances along the r directions; left : (n, r), U; held : (h, r), coordinates
    of held-out rows; rows : what was decomposed
    """

    values: Floats
    left: Floats
    held: Floats
    rows: Rows

    @classmethod
    def of(cls, rows: Rows) -> "Spectrum":
        """Decompose the smaller of F^T F and F F^T."""
        F = rows.F
        n, m = F.shape
        if m <= n:
            values, vectors = _leading(F.T @ F / n, n)
            right = vectors
            left = F @ right / np.sqrt(n * values)
        else:
            values, left = _leading(F @ F.T / n, m)
            right = F.T @ left / np.sqrt(n * values)
        return cls(values, left, rows.F_held @ right, rows)

    @cached_property
    def loads(self) -> Floats:
        """(r, c), the target along the directions."""
        return np.asarray(self.left.T @ self.rows.y / np.sqrt(len(self.left)))

    def tuned(self) -> Solved:
        """The head at the penalty of least error on the rows that choose, as heads are trained.

        Cross-validation of the fit rows would do for most tables, but takes a far too small
        penalty now and then where rows are near copies of each other.
        """
        rows = self.rows.choosing
        grid = self.values[-1] * np.array(RELATIVE_PENALTIES)
        errors = [
            float(((self.predict(penalty, rows) - self.rows.y_held[rows]) ** 2).sum())
            for penalty in grid
        ]
        return self.solved(float(grid[int(np.argmin(errors))]))

    def solved(self, penalty: float) -> Solved:
        """The head at one penalty."""
        rows = self.rows.judging
        errors = ((self.predict(penalty, rows) - self.rows.y_held[rows]) ** 2).sum(axis=1)
        gain = (self.smoother(penalty, rows) ** 2).sum(axis=1).mean() + 1.0 / self._n
        return Solved(
            penalty=penalty,
            risk=float(errors.mean()),
            standard_error=float(errors.std() / np.sqrt(len(errors))),
            predicted=self.gcv(penalty),
            noise_gain=float(gain),
            effective_dof=self._n - self._free(penalty),
        )

    def predict(self, penalty: float, rows: slice) -> Floats:
        """(b, c), the targets of some held-out rows."""
        return np.asarray(self.held[rows] @ (self._shrink(penalty)[:, None] * self.loads))

    def smoother(self, penalty: float, rows: slice) -> Floats:
        """(b, r): prediction = smoother @ left^T @ y, less the intercept's share."""
        return np.asarray(self.held[rows] * (self._shrink(penalty) / np.sqrt(self._n)))

    def gcv(self, penalty: float) -> float:
        """Generalized cross-validation, infinite where few degrees of freedom are left to judge by.

        Where nothing is left without a penalty, it still has a limit as the penalty goes to 0.
        """
        n, loads, free = self._n, self.loads, self._free(penalty)
        if penalty == 0.0 and not self._unreached:
            kept = 1.0 / self.values
            return float(((kept[:, None] * loads) ** 2).sum()) * (n / float(kept.sum())) ** 2
        if free < (1.0 - MAX_DOF_SHARE) * n:
            return float("inf")
        outside = max(float((self.rows.y**2).sum()) / n - float((loads**2).sum()), 0.0)
        kept = penalty / (self.values + penalty)
        return (outside + float(((kept[:, None] * loads) ** 2).sum())) * (n / free) ** 2

    @property
    def _n(self) -> int:
        return len(self.left)

    @property
    def _unreached(self) -> int:
        """Directions of the centered rows that no feature reaches."""
        return self._n - 1 - len(self.values)

    def _free(self, penalty: float) -> float:
        """Rows less effective degrees of freedom, the intercept counted."""
        return self._unreached + float((penalty / (self.values + penalty)).sum())

    def _shrink(self, penalty: float) -> Floats:
        return np.asarray(np.sqrt(self.values) / (self.values + penalty))


def _leading(symmetric: Floats, size: int) -> tuple[Floats, Floats]:
    """Eigenvalues above rounding, ascending, and their vectors."""
    values, vectors = scipy.linalg.eigh(symmetric, driver="evd", check_finite=False)
    kept = values > size * np.finfo(np.float64).eps * values[-1]
    return values[kept], vectors[:, kept]


def spectra(rows: Rows, widths: Sequence[int]) -> Iterator[Spectrum]:
    """The spectrum of the first m columns for each width m."""
    for width in widths:
        yield Spectrum.of(rows.columns(slice(0, width)))
