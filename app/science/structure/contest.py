"""A contest: kernel ridge, boosted trees, and trees on what the kernel leaves, by rows.

A linear estimator, kernel ridge included, cannot be rate-optimal for functions with jumps; trees
can follow a jump but pay for smooth parts. Who wins, and who gains more from more rows, tells the
side. Each model is judged on rows that it has not seen: smaller ones on all other rows, the
largest by five folds.

Source: Imaizumi and Fukumizu 2022, JMLR 23(111), proposition 15 and remark 16 (linear estimators,
cross-validated ones too); Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.parallel import side_by_side
from app.science.structure import probe
from app.science.structure.probe import Shape

Ints = NDArray[np.int64]

MOST_ROWS = 5000
CENTERS = 500
N_FOLDS = 5
FRACTIONS = (8, 4, 2)
MOST_TEST_ROWS = 2500
ROUNDS = 80
TREES: dict[str, Any] = {
    "objective": "l2",
    "num_leaves": 15,
    "learning_rate": 0.12,
    "max_bin": 63,
    "min_data_in_leaf": 10,
    "lambda_l2": 1.0,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}
RIVALS = ("kernel", "trees", "corrected")


@dataclass(frozen=True)
class Round:
    """Squared errors (t,) of each rival on the same unseen rows, in units of the variance.

    n : rows that were learned from; corrected : the kernel with trees on its leave-one-out
    residuals
    """

    n: int
    kernel: Floats
    trees: Floats
    corrected: Floats

    def mean(self, rival: str) -> float:
        """Mean squared error of a rival."""
        return float(getattr(self, rival).mean())

    def standard_error(self, rival: str) -> float:
        """Of that mean."""
        return _standard_error(getattr(self, rival))

    def lead(self, rival: str) -> tuple[float, float]:
        """How much lower than the kernel's a rival's error is, as a share, and in its own s.e."""
        gain = self.kernel - getattr(self, rival)
        error = max(_standard_error(gain), 1e-300)
        return float(gain.mean() / self.kernel.mean()), float(gain.mean() / error)

    def to_json(self) -> dict[str, Any]:
        """Means and standard errors."""
        rivals = {
            name: {"loss": self.mean(name), "standard_error": self.standard_error(name)}
            for name in RIVALS
        }
        return {"n": self.n, **rivals}


@dataclass(frozen=True)
class Contest:
    """Rounds by rows learned from, the largest last.

    residual_kurtosis : of the kernel's errors, 3 for Gaussian ones
    """

    shape: Shape
    rounds: tuple[Round, ...]
    residual_kurtosis: float

    @property
    def last(self) -> Round:
        """The round with most rows."""
        return self.rounds[-1]

    @property
    def least_loss(self) -> float:
        """The winner's mean squared error plus two standard errors: no noise can be larger."""
        best = min(RIVALS, key=self.last.mean)
        return self.last.mean(best) + 2.0 * self.last.standard_error(best)

    def slope(self, rival: str) -> float:
        """Of log error against log rows, from a quarter of the rows on."""
        rounds = self.rounds[1:]
        log_n = np.log([each.n for each in rounds])
        log_loss = np.log([max(each.mean(rival), 1e-300) for each in rounds])
        return float(np.polyfit(log_n, log_loss, 1)[0])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        last = self.last
        leads = {name: dict(zip(("share", "z"), last.lead(name), strict=True)) for name in RIVALS}
        return {
            "kernel": self.shape.kernel,
            "metric": self.shape.metric.to_json(),
            "rounds": [each.to_json() for each in self.rounds],
            "slopes": {name: self.slope(name) for name in RIVALS},
            "lead_over_kernel": {name: leads[name] for name in RIVALS[1:]},
            "residual_kurtosis": self.residual_kurtosis,
        }


def hold(X: Floats, y: Floats, shape: Shape) -> Contest:
    """Run all rounds.

    Parameters
    ----------
    X : (n, p), rows in random order; y : (n,), standardized
    """
    rows = np.arange(len(X))
    parts = [(rows[: len(X) // f], rows[len(X) // f :][:MOST_TEST_ROWS]) for f in FRACTIONS]
    parts += [(rows[rows % N_FOLDS != k], rows[rows % N_FOLDS == k]) for k in range(N_FOLDS)]
    raced = side_by_side(lambda part: _race(X, y, part, shape), parts)
    smaller, folds = raced[: len(FRACTIONS)], raced[len(FRACTIONS) :]
    rounds = (*(_round([errors]) for errors in smaller), _round(folds))
    return Contest(shape, rounds, _kurtosis(folds))


@dataclass(frozen=True)
class _Errors:
    n: int
    kernel: Floats
    trees: Floats
    corrected: Floats


def _race(X: Floats, y: Floats, part: tuple[Ints, Ints], shape: Shape) -> _Errors:
    train, test = part
    kernel = probe.fit(shape, X[train], y[train], CENTERS)
    ahead = kernel.predict(X[test])
    rows, unseen = X[train].astype(np.float32), X[test].astype(np.float32)
    left_out = kernel.out_of_sample
    rest = _boosted((rows, y[train]), unseen)
    repair = _boosted(
        (np.column_stack([rows, left_out]), y[train] - left_out), np.column_stack([unseen, ahead])
    )
    truth = y[test]
    return _Errors(len(train), truth - ahead, truth - rest, truth - ahead - repair)


def _boosted(train: tuple[NDArray[Any], Floats], unseen: NDArray[Any]) -> Floats:
    data = lightgbm.Dataset(*train, params=dict(TREES))
    return np.asarray(lightgbm.train(dict(TREES), data, ROUNDS).predict(unseen), dtype=np.float64)


def _round(parts: Sequence[_Errors]) -> Round:
    squares = {name: np.concatenate([getattr(p, name) for p in parts]) ** 2 for name in RIVALS}
    return Round(parts[0].n, **squares)


def _kurtosis(parts: Sequence[_Errors]) -> float:
    errors = np.concatenate([part.kernel for part in parts])
    return float((errors**4).mean() / max(float((errors**2).mean()) ** 2, 1e-300))


def _standard_error(values: Floats) -> float:
    return float(values.std() / np.sqrt(len(values)))
