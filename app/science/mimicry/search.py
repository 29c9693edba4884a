"""Which metric, kernel and bandwidth: a search on samples, each step a closed-form ridge.

It starts from the columns' importances in a few boosted trees, which find the handful of relevant
columns among many where gradients of a kernel in all of them see only noise, and from the plain
columns. Gradient outer products then turn the best starts, and a line search over the bandwidth
ends it. Held-out rows decide everywhere.

Source: Radhakrishnan, Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639; Ke et al.
2017, "LightGBM" (gains). Differs from the papers: the starts and the held-out choice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import lightgbm
import numpy as np
import torch

from app.science.linalg import Floats, gram_sums, median_squared_distance, ridge_path
from app.science.mimicry.kernels import KERNELS, KernelName, kernel_matrix
from app.science.mimicry.metric import Expansion, Metric, scaled
from app.science.mimicry.target import Ints
from app.science.parallel import side_by_side

JITTER = 1e-5
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-2.0, -8.1, -1.0))
GAIN_POWERS = (0.0, 0.5, 1.0)
POWERS = (1.0, 0.5)
"""Of the outer product in the metrics of a larger fit."""
LEAST_GAIN = 1e-4
MAX_TREES = 200
ITERATIONS = 3
HOPELESS = 1.1
"""A kernel whose best start loses by this factor is not turned any further."""
STEP = 0.7
MAX_STEPS = 3
WIDEST = 25.0
"""Median distances. A Laplace kernel that is wider is the same but for its unit, and its weights
are so large that no copy of it was near."""


@dataclass(frozen=True, slots=True)
class Size:
    """Rows, held-out rows and centers of one stage."""

    rows: int
    held: int
    centers: int


TURN = Size(rows=4000, held=2000, centers=400)
WIDTH = Size(rows=5000, held=2500, centers=500)
DENSE = Size(rows=12_000, held=2500, centers=1500)
NARROWER = 0.8


@dataclass(frozen=True)
class Candidate:
    """A metric, a kernel and its bandwidth with the loss of their ridge on held-out rows.

    bandwidth in median distances; held_out_loss in units of the target's variance
    """

    metric: Metric
    bandwidth: float
    penalty: float
    expansion: Expansion
    held_out_loss: float

    @property
    def kernel(self) -> KernelName:
        """Its name."""
        return self.expansion.kernel

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kernel": self.kernel,
            "start": self.metric.start,
            "iteration": self.metric.iteration,
            "diagonal": self.metric.diagonal,
            "bandwidth_in_medians": self.bandwidth,
            "n_centers": len(self.expansion.centers),
            "held_out_loss": self.held_out_loss,
        }


@dataclass(frozen=True)
class Search:
    """What all candidates share.

    X : (n, p); columns : (n, c), standardized or one-hot; split : (fit, held) rows in random order
    """

    X: Floats
    columns: Floats
    split: tuple[Ints, Ints]
    rng: np.random.Generator

    def run(self) -> list[Candidate]:
        """All candidates, best last."""
        found = list(self._turned())
        line = list(self._widths(min(found, key=_loss)))
        return found + sorted(line, key=_loss, reverse=True)

    def again(self, best: Candidate, agop: Floats) -> Candidate:
        """The best so far, or its kernel in a metric of gradients at another bandwidth.

        Parameters
        ----------
        agop : (p, p), the gradients' outer product in a larger fit than those of the search
        """
        turned = [replace(best, metric=best.metric.by(agop, power)) for power in POWERS]
        line = [found for candidate in turned for found in self._widths(candidate)]
        return min(best, *(found for found in line if found.bandwidth <= WIDEST), key=_loss)

    def narrowed(self, start: Candidate) -> Candidate:
        """With less reach for each center, while that pays where there are more of them."""

        def at(factor: float) -> Candidate:
            return self._solve(start.metric, start.kernel, factor * start.bandwidth, DENSE)

        best, ahead = side_by_side(at, (1.0, NARROWER))
        if ahead.held_out_loss >= best.held_out_loss:
            return best
        return min(ahead, *side_by_side(at, (NARROWER**2, NARROWER**3)), key=_loss)

    def _turned(self) -> Iterator[Candidate]:
        pairs = [(metric, name) for metric in self._starts() for name in KERNELS]
        starts = side_by_side(
            lambda pair: self._solve(*pair, KERNELS[pair[1]].bandwidth, TURN), pairs
        )
        yield from starts
        least = min(start.held_out_loss for start in starts)
        leaders = [
            min((start for start in starts if start.kernel == name), key=_loss) for name in KERNELS
        ]
        hopeful = [leader for leader in leaders if leader.held_out_loss <= HOPELESS * least]
        ways = [(leader, diagonal) for leader in hopeful for diagonal in (False, True)]
        for turned in side_by_side(lambda way: list(self._turn(*way)), ways):
            yield from turned

    def _starts(self) -> list[Metric]:
        gains = column_gains(self.X[self.split[0][: TURN.rows]], self._columns(TURN), self.rng)
        return [scaled(gains**power, f"gains^{power:g}") for power in GAIN_POWERS]

    def _columns(self, size: Size) -> Floats:
        return self.columns[self.split[0][: size.rows]]

    def _turn(self, start: Candidate, diagonal: bool) -> Iterator[Candidate]:
        here = start
        for _ in range(ITERATIONS):
            rows = self.X[self.split[0][: TURN.rows]]
            metric = here.metric.next(rows, here.expansion, diagonal=diagonal)
            after = self._solve(metric, start.kernel, start.bandwidth, TURN)
            yield after
            if after.held_out_loss > 1.02 * here.held_out_loss:
                return
            here = after

    def _widths(self, start: Candidate) -> Iterator[Candidate]:
        """The more centers, the less reach each of them needs; downhill in either direction."""

        def at(bandwidth: float) -> Candidate:
            return self._solve(start.metric, start.kernel, bandwidth, WIDTH)

        narrow, here, wide = side_by_side(at, [start.bandwidth * f for f in (STEP, 1, 1 / STEP)])
        yield from (narrow, here, wide)
        best = min(here, narrow, wide, key=_loss)
        factor = best.bandwidth / here.bandwidth
        for _ in range(MAX_STEPS if best is not here else 0):
            ahead = side_by_side(at, [best.bandwidth * factor, best.bandwidth * factor**2])
            yield from ahead
            if ahead[0].held_out_loss >= best.held_out_loss:
                return
            best = min(ahead, key=_loss)
            if best is ahead[0]:
                return

    def _solve(self, metric: Metric, name: KernelName, bandwidth: float, size: Size) -> Candidate:
        """Ridge on the kernel of the first rows, its penalty by held-out loss."""
        fit, held = self.split[0][: size.rows], self.split[1][: size.held]
        Z, Z_held = self.X[fit] @ metric.matrix, self.X[held] @ metric.matrix
        width = median_squared_distance(Z, np.random.default_rng(len(Z))) * bandwidth**2
        centers = Z[: min(size.centers, len(Z) // 2)]
        sums = gram_sums([(kernel_matrix(name, Z, centers, width), self.columns[fit])])
        square = kernel_matrix(name, centers, centers, width) + JITTER * np.eye(len(centers))
        features = kernel_matrix(name, Z_held, centers, width)
        best = Candidate(
            metric, bandwidth, PENALTIES[0], Expansion(name, centers, sums.cross, width), np.inf
        )
        for ridge in ridge_path(sums, square, penalties=PENALTIES):
            errors = features @ ridge.weights + ridge.intercept - self.columns[held]
            loss = float((errors**2).sum(axis=1).mean())
            if loss > 1.03 * best.held_out_loss:
                break
            if loss < best.held_out_loss:
                expansion = replace(best.expansion, weights=ridge.weights)
                best = Candidate(metric, bandwidth, ridge.penalty, expansion, loss)
        return best


def _loss(candidate: Candidate) -> float:
    return candidate.held_out_loss


def column_gains(X: Floats, columns: Floats, rng: np.random.Generator) -> Floats:
    """(p,) in (0, 1], the columns' shares of the gain of a few boosted trees; the largest is 1."""
    n_classes = columns.shape[1]
    parameters: dict[str, Any] = {
        "objective": "regression",
        "num_leaves": 15,
        "learning_rate": 0.1,
        "verbose": -1,
        "deterministic": True,
        "seed": int(rng.integers(2**31)),
        "num_threads": torch.get_num_threads(),
    }
    values = columns[:, 0]
    if n_classes > 1:
        values = columns.argmax(axis=1)
        parameters |= {"objective": "multiclass", "num_class": n_classes}
    n_rounds = max(10, min(MAX_TREES // 2, MAX_TREES // n_classes))
    booster = lightgbm.train(parameters, lightgbm.Dataset(X, values), n_rounds)
    gains = booster.feature_importance("gain").astype(np.float64)
    largest = gains.max()
    return np.maximum(gains / largest, LEAST_GAIN) if largest > 0 else np.ones(X.shape[1])
