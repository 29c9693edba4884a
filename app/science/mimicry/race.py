"""Which metric, kernel and bandwidth: a race on a sample, then the metric learned once more.

The race solves the closed-form ridge with a few hundred centers. The best candidate of each kernel
is then refined: the larger model's own gradients give a better metric than the cheap teacher's, and
held-out rows decide whether an iterate is kept.

Source: Radhakrishnan, Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639. Differs from
the paper: the two stages and the held-out choice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from app.science.linalg import (
    Floats,
    gram_sums,
    median_squared_distance,
    ridge_path,
    squared_distances,
)
from app.science.mimicry import metric as metrics
from app.science.mimicry.kernels import KERNELS, KernelName
from app.science.mimicry.metric import Expansion, Metric
from app.science.mimicry.target import Ints

JITTER = 1e-5
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-2.0, -9.1, -1.0))


@dataclass(frozen=True, slots=True)
class Size:
    """Rows and centers of one stage."""

    rows: int
    centers: int


RACE = Size(rows=6000, centers=400)
REFINE = Size(rows=10_000, centers=1000)
REFINEMENTS = 3
NARROWER = 0.7
MAX_NARROWING = 3.9


@dataclass(frozen=True)
class Candidate:
    """A metric, a kernel and its bandwidth with the loss of their ridge on held-out rows.

    bandwidth in median distances; held_out_loss in units of the target's variance
    """

    metric: Metric
    kernel: KernelName
    bandwidth: float
    expansion: Expansion
    held_out_loss: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "metric": self.metric.kernel,
            "metric_iteration": self.metric.iteration,
            "kernel": self.kernel,
            "bandwidth_in_medians": self.bandwidth,
            "n_centers": len(self.expansion.centers),
            "held_out_loss": self.held_out_loss,
        }


@dataclass(frozen=True)
class Runner:
    """What all candidates share: data, split and a source of randomness."""

    X: Floats
    columns: Floats
    split: tuple[Ints, Ints]
    rng: np.random.Generator

    def race(self, found: list[Metric]) -> list[Candidate]:
        """All candidates on the small sample, best first."""
        candidates = [
            self.solve(metric, name, factor, RACE)
            for metric in found
            for name, kernel in KERNELS.items()
            for factor in (kernel.bandwidths[0] / 2, *kernel.bandwidths, 2 * kernel.bandwidths[1])
        ]
        return sorted(candidates, key=lambda candidate: candidate.held_out_loss)

    def refine(self, start: Candidate) -> Iterator[Candidate]:
        """The candidate at the larger size, and again in the metric of its own gradients."""
        here = self.solve(start.metric, start.kernel, start.bandwidth, REFINE)
        yield here
        best = here.held_out_loss
        for _ in range(REFINEMENTS):
            matrix, spectrum = metrics.truncated(
                metrics.gradient_root(
                    self.X[self.split[0][: REFINE.rows]],
                    here.metric.matrix,
                    here.expansion,
                    diagonal=here.metric.diagonal,
                )
            )
            learned = replace(
                here.metric,
                matrix=matrix,
                spectrum=spectrum,
                kernel=start.kernel,
                iteration=here.metric.iteration + 1,
            )
            here = self.solve(learned, start.kernel, start.bandwidth, REFINE)
            yield here
            if here.held_out_loss > best:
                return
            best = here.held_out_loss

    def narrow(self, start: Candidate) -> Iterator[Candidate]:
        """Ever smaller bandwidths: the more centers, the less reach each of them needs."""
        best = start
        while best.bandwidth > start.bandwidth / MAX_NARROWING:
            here = self.solve(best.metric, best.kernel, best.bandwidth * NARROWER, REFINE)
            yield here
            if here.held_out_loss > best.held_out_loss:
                return
            best = here

    def solve(self, metric: Metric, name: KernelName, factor: float, size: Size) -> Candidate:
        """Ridge on the kernel of the first rows, its penalty by held-out loss."""
        fit, held = self.split[0][: size.rows], self.split[1]
        Z, Z_held = self.X[fit] @ metric.matrix, self.X[held] @ metric.matrix
        width = median_squared_distance(Z, self.rng) * factor**2
        centers = Z[: min(size.centers, len(Z) // 2)]
        sums = gram_sums([(kernel_matrix(name, Z, centers, width), self.columns[fit])])
        square = kernel_matrix(name, centers, centers, width) + JITTER * np.eye(len(centers))
        features = kernel_matrix(name, Z_held, centers, width)
        loss, weights = np.inf, np.zeros((len(centers), self.columns.shape[1]))
        for ridge in ridge_path(sums, square, penalties=PENALTIES):
            errors = features @ ridge.weights + ridge.intercept - self.columns[held]
            here = float((errors**2).sum(axis=1).mean())
            if here > 1.05 * loss:
                break
            if here < loss:
                loss, weights = here, ridge.weights
        return Candidate(metric, name, factor, Expansion(name, centers, weights, width), loss)


def kernel_matrix(name: KernelName, Z: Floats, centers: Floats, width: float) -> Floats:
    """(n, m), in float64: float32 would lose digits exactly where distances are small."""
    s = squared_distances(torch.as_tensor(Z), torch.as_tensor(centers)) / width
    return KERNELS[name].profile(s).numpy()
