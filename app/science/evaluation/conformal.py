"""Split conformal prediction: intervals and sets that hold the truth at a stated level.

The scores are errors on n calibration rows, which neither fitted nor chose anything. Where a new
row is exchangeable with them, its score exceeds their k-th smallest, k = ceil((n + 1) level), with
a probability of at most 1 - level, whatever the model and the distribution::

    regression       score |y - f(x)|     interval  f(x) - q to f(x) + q
    classification   score 1 - p(y | x)   set       {c : 1 - p(c | x) <= q} and the likeliest c

The promise is one about rows on average: some kinds of rows may be held less often, others more.

Source: Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World; Lei, G'Sell, Rinaldo,
Tibshirani & Wasserman 2018, JASA 113 (intervals); Sadinle, Lei & Wasserman 2019, JASA 114 (sets).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.split import MIN_ROWS_TO_CALIBRATE
from app.science.errors import NotCalibrated, ScienceError
from app.science.relu_network.network import Task

FORMAT = "adaptnet-conformal/1"
PERCENTS = range(50, 100)
"""The levels that are stored, in percent."""

Score = Literal["absolute_error", "one_minus_probability"]


@dataclass(frozen=True, slots=True)
class Conformal:
    """Quantiles of the calibration scores, one a level of ``PERCENTS``.

    ``quantiles`` : (50,), ascending, in the unit of the score; None where ``n_rows`` calibration
    rows are too few for the level.
    """

    score: Score
    n_rows: int
    quantiles: tuple[float | None, ...]

    @property
    def max_level(self) -> float | None:
        """The highest level that the calibration rows are enough for."""
        known = [percent for percent in PERCENTS if self._at(percent) is not None]
        return known[-1] / 100 if known else None

    @property
    def reason(self) -> str | None:
        """Why some level, or every one, cannot be had; None where all can."""
        if self.n_rows == 0:
            return (
                "no rows were set apart for calibration, as for every table with fewer than "
                f"{MIN_ROWS_TO_CALIBRATE:,} rows beside its test rows"
            )
        if self.quantiles[-1] is None:
            allowed = f"levels up to {self.max_level:g}" if self.max_level else "no level"
            return f"{self.n_rows} calibration rows are enough for {allowed}"
        return None

    def quantile(self, level: float) -> float:
        """The score that a new row exceeds with a probability of at most 1 - ``level``.

        Raises
        ------
        NotCalibrated
            The level is no whole percent from 0.5 to 0.99, or the calibration rows are too few.
        """
        percent = round(100 * level) if 0.5 <= level <= 0.99 else 0
        if percent not in PERCENTS or abs(100 * level - percent) > 1e-6:
            raise NotCalibrated(f"level {level:g} is no whole percent from 0.5 to 0.99")
        found = self._at(percent)
        if found is None:
            raise NotCalibrated(f"nothing can be said at level {level:g}: {self.reason}")
        return found

    def interval(self, prediction: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """Lower and upper ends (n, 2), in the target's unit, around predictions (n,)."""
        self._expect("absolute_error")
        half = self.quantile(level)
        return np.stack([prediction - half, prediction + half], axis=1)

    def members(self, probabilities: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
        """Which classes are in each row's set, (n, c); no set is empty."""
        self._expect("one_minus_probability")
        inside = 1.0 - probabilities <= self.quantile(level)
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return np.asarray(inside)

    def to_json(self) -> dict[str, Any]:
        """As a document; ``quantiles`` by percent."""
        return {
            "format": FORMAT,
            "score": self.score,
            "n_rows": self.n_rows,
            "quantiles": {str(percent): self._at(percent) for percent in PERCENTS},
            "reason": self.reason,
        }

    def _at(self, percent: int) -> float | None:
        return self.quantiles[percent - PERCENTS.start]

    def _expect(self, score: Score) -> None:
        if self.score != score:
            raise ScienceError("intervals are of regression, sets of classification")


def fit(task: Task, y: NDArray[Any], prediction: NDArray[np.float64]) -> Conformal:
    """Calibrate on rows that nothing else has seen.

    Parameters
    ----------
    y : (n,), values or class codes; n may be 0
    prediction : (n,) in the unit of y, or (n, c) class probabilities
    """
    if task == "regression":
        scores = np.sort(np.abs(y - prediction))
    else:
        scores = np.sort(1.0 - prediction[np.arange(len(y)), y])
    n = len(scores)
    # In whole percents, since (n + 1) * 0.57 in floats may lie on the wrong side of a whole number.
    ranks = [-(-(n + 1) * percent // 100) for percent in PERCENTS]
    return Conformal(
        score=score_of(task),
        n_rows=n,
        quantiles=tuple(float(scores[k - 1]) if k <= n else None for k in ranks),
    )


def uncalibrated(task: Task) -> Conformal:
    """What a model has that no rows were set apart for."""
    return Conformal(score=score_of(task), n_rows=0, quantiles=(None,) * len(PERCENTS))


def score_of(task: Task) -> Score:
    """The score that a task is calibrated by."""
    return "absolute_error" if task == "regression" else "one_minus_probability"


def named(members: NDArray[np.bool_], classes: Sequence[str]) -> list[list[str]]:
    """The sets (n, c) as lists of class names."""
    return [[classes[index] for index in np.flatnonzero(row).tolist()] for row in members]


def from_json(document: Mapping[str, Any], task: Task) -> Conformal:
    """Read ``to_json`` back from an untrusted file.

    Raises
    ------
    ScienceError
        Another version, another task's score, or quantiles that are malformed or descend.
    """
    if document.get("format") != FORMAT or document.get("score") != score_of(task):
        raise ScienceError(f"wanted is {FORMAT} with score {score_of(task)!r}")
    n_rows, found = document.get("n_rows"), document.get("quantiles")
    if type(n_rows) is not int or n_rows < 0 or not isinstance(found, Mapping):
        raise ScienceError("n_rows or quantiles are malformed")
    quantiles = tuple(found.get(str(percent)) for percent in PERCENTS)
    known = [value for value in quantiles if value is not None]
    if quantiles[: len(known)] != tuple(known) or not all(map(_is_score, known)):
        raise ScienceError("quantiles are malformed")
    if any(later < earlier for earlier, later in itertools.pairwise(known)):
        raise ScienceError("quantiles descend")
    return Conformal(
        score_of(task), n_rows, tuple(None if q is None else float(q) for q in quantiles)
    )


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
