"""What more rows would bring: R(n) = floor + factor n^-exponent through a measured curve.

Every draw of the band perturbs the measured losses by their sampling error and leans on its own
theoretical exponent, with the dimension from its interval and the smoothness from [0.5, 2]. A few
sizes alone cannot tell a floor from a slow rate; where the curve is clear it overrules the theory.

Source: Cortes, Jackel, Solla, Vapnik and Denker 1994, NIPS 6 (the power law with a floor); Nakada
and Imaizumi 2020, JMLR 21(174), theorem 8 (exponent); Bardsley, Solonen, Haario and Laine 2014,
doi:10.1137/140964023 (perturbing data and prior, then optimizing). Differs from the papers: the
constants below, which were calibrated on tables that no acceptance test uses.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from app.science.architecture.learning_curve import LearningCurve
from app.science.architecture.sizing import rate_exponent
from app.science.errors import BeyondForecast
from app.science.linalg import Floats
from app.science.relu_network.network import Task

FORMAT = "adaptnet-forecast/1"
LEVEL = 0.8
N_DRAWS = 500
REACH = 10
"""A forecast for more than this times the largest measured size is refused."""
EXPONENTS = np.geomspace(0.05, 2.0, 150)
DISCREPANCY = 0.01
"""Relative distance of a true learning curve from the power law, at every size."""
THEORY_SPREAD = 1.0
"""How far, in logs, a measured exponent may stray from its theory at the cost of one deviation."""
SMOOTHNESS = (0.5, 2.0)
WIDENING = 1.2
"""On the band's log distances from its middle: so wide that 80 % of the calibration tables' losses
at twice and four times the rows lay inside."""
NEGLIGIBLE_GAIN = 0.02

Verdict = Literal["more rows help", "noise floor"]
METRIC: dict[Task, str] = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}


@dataclass(frozen=True, slots=True)
class Interval:
    """A value between its ends."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Plain data; what is not finite becomes null."""
        named = {"value": self.value, "low": self.low, "high": self.high}
        return {key: number if math.isfinite(number) else None for key, number in named.items()}


@dataclass(frozen=True)
class Forecast:
    """The band's draws, each a curve of its own.

    floor, factor, exponent : (b,), of R(n) in squared units of the target, or nats
    dimension : the interval that the theoretical exponent came from
    """

    curve: LearningCurve
    dimension: Interval
    floor: Floats
    factor: Floats
    exponent: Floats

    @property
    def most_rows(self) -> int:
        """Beyond these nothing is said."""
        return REACH * int(self.curve.sizes[-1])

    def at(self, rows: int) -> Interval:
        """RMSE or log loss after learning from ``rows`` rows, with the band of ``LEVEL``.

        Raises
        ------
        BeyondForecast
            More than ``REACH`` times the largest measured size.
        """
        if rows > self.most_rows:
            raise BeyondForecast(rows=rows, most=self.most_rows)
        return _interval(self._metric(self._risk(rows)), widening=WIDENING)

    def rows_for(self, target: float) -> int | None:
        """Least rows whose predicted metric is at most ``target``; None where out of reach."""
        sizes = np.unique(np.geomspace(self.curve.sizes[0], self.most_rows, 400).round())
        values = [self.at(int(size)).value for size in sizes]
        return next((int(n) for n, v in zip(sizes, values, strict=True) if v <= target), None)

    def fitted_exponent(self) -> Interval:
        """Of the excess error over rows."""
        return _interval(self.exponent)

    def theoretical_exponent(self) -> Interval:
        """2 b / (2 b + d) at b = 1, its ends at b in [0.5, 2] and the dimension's ends."""
        return Interval(
            rate_exponent(self.dimension.value, 1.0),
            rate_exponent(self.dimension.high, SMOOTHNESS[0]),
            rate_exponent(self.dimension.low, SMOOTHNESS[1]),
        )

    def rows_to_halve_excess(self) -> Interval:
        """By how much rows must be multiplied to halve the error above the floor."""
        return _interval(2.0 ** (1.0 / self.exponent))

    def noise_floor(self) -> Interval:
        """The metric that no number of rows improves on, for this learner.

        It holds the target's noise and what the learner cannot represent: a bound from above.
        """
        return _interval(self._metric(self.floor))

    def gain(self, factor: float) -> float:
        """Predicted relative fall of the metric with ``factor`` times the rows."""
        here = int(self.curve.sizes[-1])
        return 1.0 - self.at(round(factor * here)).value / self.at(here).value

    @property
    def verdict(self) -> Verdict:
        """Whether ten times the rows would be seen."""
        return "more rows help" if self.gain(REACH) >= NEGLIGIBLE_GAIN else "noise floor"

    def sentence(self) -> str:
        """The answer in plain words."""
        metric = METRIC[self.curve.task].replace("_", " ")
        if self.verdict == "noise floor":
            return (
                f"Noise floor: more rows will not help; even {REACH} times as many are predicted "
                f"to lower the {metric} by {self.gain(REACH):.1%} only."
            )
        halved = self.rows_to_halve_excess().value
        text = f"Twice the rows are predicted to lower the {metric} by {self.gain(2):.0%}. "
        if halved > REACH:
            return text + f"To halve the excess error you need more than {REACH} times the rows."
        return text + f"To halve the excess error you need {halved:.2g} times the rows."

    def to_json(self) -> dict[str, Any]:
        """Plain data: measured points, the band at up to ``REACH`` times, and the answers."""
        sizes = self.curve.sizes
        ahead = np.unique(np.geomspace(sizes[0], self.most_rows, 25).round().astype(int))
        here = self.at(int(sizes[-1]))
        return {
            "format": FORMAT,
            "metric": METRIC[self.curve.task],
            "learner": f"kernel ridge ({self.curve.kernel}), the convex teacher without search",
            "n_rows": self.curve.n_rows,
            "most_rows": self.most_rows,
            "level": LEVEL,
            "measured": _measured(self.curve),
            "band": [{"rows": int(n), **self.at(int(n)).to_json()} for n in ahead],
            "relative": [
                {"factor": k, "ratio": self.at(k * int(sizes[-1])).value / here.value}
                for k in (2, 4, REACH)
            ],
            "exponent": self.fitted_exponent().to_json(),
            "theoretical_exponent": self.theoretical_exponent().to_json(),
            "rows_to_halve_excess": self.rows_to_halve_excess().to_json(),
            "noise_floor": self.noise_floor().to_json(),
            "verdict": self.verdict,
            "sentence": self.sentence(),
        }

    def _risk(self, rows: int) -> Floats:
        return np.asarray(self.floor + self.factor * float(rows) ** -self.exponent)

    def _metric(self, risk: Floats) -> Floats:
        return np.sqrt(risk) if self.curve.task == "regression" else risk


def forecast(curve: LearningCurve, dimension: Interval, *, seed: int = 0) -> Forecast:
    """Fit the law to a measured curve.

    Parameters
    ----------
    dimension : interval of the intrinsic dimension, in which theory's exponent is drawn
    """
    rng = np.random.default_rng([seed, 29])
    level = float(curve.losses.max())
    losses, covariance = curve.losses / level, curve.covariance / level**2
    noise = covariance + np.diag((DISCREPANCY * losses) ** 2)
    drawn = losses + rng.normal(size=(N_DRAWS, len(losses))) @ np.linalg.cholesky(noise).T
    leaning = _theoretical(dimension, rng)
    floor, factor, exponent = _fit(drawn, noise, curve.sizes / curve.sizes[-1], leaning)
    return Forecast(
        curve=curve,
        dimension=dimension,
        floor=floor * level,
        factor=factor * level * curve.sizes[-1] ** exponent,
        exponent=exponent,
    )


def _theoretical(dimension: Interval, rng: np.random.Generator) -> Floats:
    """(b,), exponents with d log-normal over its 90 % interval and b log-uniform."""
    low, high = max(dimension.low, 0.5), max(dimension.high, 0.5)
    middle, width = (math.log(low) + math.log(high)) / 2.0, (math.log(high) - math.log(low)) / 3.29
    d = np.exp(middle + width * rng.normal(size=N_DRAWS))
    b = np.exp(rng.uniform(math.log(SMOOTHNESS[0]), math.log(SMOOTHNESS[1]), N_DRAWS))
    return np.asarray(2.0 * b / (2.0 * b + d))


def _fit(
    drawn: Floats, noise: Floats, sizes: Floats, leaning: Floats
) -> tuple[Floats, Floats, Floats]:
    """Floor, factor (at the largest size) and exponent, (b,) each.

    drawn : (b, k), losses; noise : (k, k); sizes : (k,), over the largest; leaning : (b,)
    """
    root = np.linalg.cholesky(noise)
    white = np.linalg.solve(root, drawn.T)  # (k, b)
    best = np.full(len(drawn), np.inf)
    found = np.zeros((3, len(drawn)))
    for exponent in EXPONENTS:
        design = np.linalg.solve(root, np.column_stack([np.ones(len(sizes)), sizes**-exponent]))
        floor, factor = _non_negative(design, white)
        misfit = ((white - design @ np.stack([floor, factor])) ** 2).sum(axis=0)
        cost = misfit + (np.log(exponent / leaning) / THEORY_SPREAD) ** 2
        better = cost < best
        best = np.where(better, cost, best)
        found = np.where(better, np.stack([floor, factor, np.full(len(drawn), exponent)]), found)
    return found[0], found[1], found[2]


def _non_negative(design: Floats, white: Floats) -> tuple[Floats, Floats]:
    """Least squares in two unknowns, neither below zero, for every column of ``white``, (k, b)."""
    free = np.linalg.lstsq(design, white, rcond=None)[0]
    alone = [design[:, i] @ white / (design[:, i] @ design[:, i]) for i in (0, 1)]
    no_floor, no_slope = free[0] < 0.0, free[1] < 0.0
    floor = np.where(no_floor, 0.0, np.where(no_slope, alone[0], free[0]))
    factor = np.where(no_slope & ~no_floor, 0.0, np.where(no_floor, alone[1], free[1]))
    return np.maximum(floor, 0.0), np.maximum(factor, 0.0)


def _interval(values: Floats, *, widening: float = 1.0) -> Interval:
    """Median and the quantiles of ``LEVEL``, their log distances from it times ``widening``."""
    tail = (1.0 - LEVEL) / 2.0
    low, middle, high = (float(q) for q in np.quantile(values, (tail, 0.5, 1.0 - tail)))
    if widening == 1.0 or low <= 0.0:
        return Interval(middle, low, high)
    below, above = ((end / middle) ** widening for end in (low, high))
    return Interval(middle, middle * below, middle * above)


def _measured(curve: LearningCurve) -> list[dict[str, float]]:
    """Points in the task's metric, with one standard error to each side."""
    deviations = np.sqrt(np.diag(curve.covariance))
    power = 0.5 if curve.task == "regression" else 1.0
    return [
        {
            "rows": int(n),
            "value": float(loss**power),
            "low": float(max(loss - error, 0.0) ** power),
            "high": float((loss + error) ** power),
        }
        for n, loss, error in zip(curve.sizes, curve.losses, deviations, strict=True)
    ]
