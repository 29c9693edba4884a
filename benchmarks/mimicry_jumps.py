"""Acceptance tests A6 and A7: what a jump costs a kernel, and what the corrections give back.

A smooth target in D coordinates jumps along a curved surface. No method that is linear in the
target can lose that error faster than n^(-1/(D + 1)); the corrected network should. Without the
jump the corrections must not harm.

Source: Imaizumi and Fukumizu 2019, "Deep neural networks learn non-smooth functions effectively",
AISTATS (linear estimators are suboptimal where a function jumps).
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from app.science.mimicry import teacher as teachers
from app.science.mimicry.transfer import corrected
from app.science.relu_network.evaluate import predict_raw
from benchmarks import mimicry_mlp
from benchmarks.dimension_rows import Row
from benchmarks.mimicry_bars import log_slope
from benchmarks.mimicry_mlp import LONG, Setting
from benchmarks.mimicry_result import COMPETITORS, Cache, Document, say
from benchmarks.mimicry_runs import OURS
from benchmarks.mimicry_tables import BenchmarkProblem, Floats, make

DIMENSIONS, SIZES = (4, 8), (2_000, 4_000, 8_000, 16_000, 32_000)
QUICK_SIZES = SIZES[:3]
JUMP, NOISE, TEST_ROWS = 1.5, 0.1, 10_000
MLP = Setting(256, 2, 3e-3, LONG)
SLOPE_MARGIN, LEAST_GAIN, HALVED_FROM, HARM = 0.06, 0.1, 8_000, 0.002
KERNEL, CORRECTED, NETWORK = "kernel", "corrected", "mlp"


def rows(cache: Cache, *, quick: bool) -> Iterator[Row]:
    """A6 for each dimension, then A7."""
    sizes = QUICK_SIZES if quick else SIZES
    for dimension in DIMENSIONS:
        found = [_measured(dimension, n, JUMP, cache) for n in sizes]
        yield from _slopes(dimension, sizes, found)
    smooth = [_measured(dimension, HALVED_FROM, 0.0, cache) for dimension in DIMENSIONS]
    worst = max(each[CORRECTED] - each[KERNEL] for each in smooth)
    listed = ", ".join(f"{each[KERNEL]:.5f} to {each[CORRECTED]:.5f}" for each in smooth)
    yield Row(
        "A7 1 - R2 without a jump, kernel to corrected, D = 4, 8",
        listed,
        f"no worse by {HARM}",
        worst <= HARM,
    )


def _slopes(dimension: int, sizes: tuple[int, ...], found: list[Document]) -> Iterator[Row]:
    curves = {name: [each[name] for each in found] for name in (KERNEL, CORRECTED, NETWORK)}
    slopes = {name: log_slope(sizes, errors) for name, errors in curves.items()}
    theory = -1.0 / (dimension + 1)
    values = {"sizes": sizes, "slopes": slopes, "errors": curves}
    span = f"D = {dimension}, {sizes[0]:,} to {sizes[-1]:,} rows"
    yield Row(
        f"A6 slope of the kernel's 1 - R2 with a jump, {span}",
        f"{slopes[KERNEL]:.2f}: {_listed(curves[KERNEL])}",
        f"{theory:.2f} within {SLOPE_MARGIN}",
        abs(slopes[KERNEL] - theory) <= SLOPE_MARGIN,
        values,
    )
    yield Row(
        f"A6 slope of the corrected network's, {span}",
        f"{slopes[CORRECTED]:.2f}: {_listed(curves[CORRECTED])}"
        f"; MLP {slopes[NETWORK]:.2f}: {_listed(curves[NETWORK])}",
        f"steeper than the kernel's by {LEAST_GAIN}",
        slopes[CORRECTED] <= slopes[KERNEL] - LEAST_GAIN,
    )
    shares = [each[CORRECTED] / each[KERNEL] for each in found]
    from_there = [share for n, share in zip(sizes, shares, strict=True) if n >= HALVED_FROM]
    yield Row(
        f"A6 1 - R2 corrected / kernel from {HALVED_FROM:,} rows, D = {dimension}",
        f"at most {max(from_there):.2f}",
        "<= 0.5",
        max(from_there) <= 0.5,
    )


def _listed(errors: list[float]) -> str:
    return ", ".join(f"{error:.4f}" for error in errors)


def _measured(dimension: int, n_rows: int, jump: float, cache: Cache) -> Document:
    """1 - R2 on noise-free test rows of each method, from the cache or from a run."""
    key = {
        **COMPETITORS.get(OURS)().configuration(),
        "mlp": MLP.to_json(),
        "target": [dimension, n_rows, jump, NOISE, TEST_ROWS],
    }
    path = cache.named(f"jump-{dimension}-{n_rows}-{jump}", key)
    found = cache.read(path)
    if found is None:
        found = dict(errors(problem(dimension, n_rows, jump, seed=0)))
        cache.write(path, found)
        say(f"jump {jump} in {dimension} dimensions, {n_rows} rows: {found}")
    return found


def errors(made: BenchmarkProblem) -> Mapping[str, float]:
    """1 - R2 by method."""
    x, y = made.rest_x, made.rest_y
    teacher = teachers.fit(x, y, made.task, seed=made.seed)
    network, _ = corrected(teacher, x, y, seed=made.seed)
    predictions = {
        KERNEL: teacher.predict(made.test_x),
        CORRECTED: predict_raw(network, made.test_x, dtype=torch.float64)[:, 0],
        NETWORK: mimicry_mlp.run(made, MLP).prediction,
    }
    variance = float(made.test_y.var())
    return {
        name: float(np.mean((prediction - made.test_y) ** 2)) / variance
        for name, prediction in predictions.items()
    }


def problem(dimension: int, n_rows: int, jump: float, *, seed: int) -> BenchmarkProblem:
    """``n_rows`` noisy rows to learn from and 10,000 test rows whose targets have no noise."""
    rng = np.random.default_rng([seed, dimension, n_rows])
    x = rng.uniform(-1.0, 1.0, (n_rows + TEST_ROWS, dimension))
    is_test = np.arange(len(x)) >= n_rows
    y = _smooth(x) + jump * (x[:, 0] + x[:, 1] ** 2 - 0.5 * x[:, 2] > 0.0)
    y += NOISE * rng.standard_normal(len(x)) * ~is_test
    columns = {f"x{j}": x[:, j] for j in range(dimension)}
    return make(f"jump-{dimension}-{n_rows}", seed, columns, (y, "regression"), is_test)


def _smooth(x: Floats) -> Floats:
    found: Floats = np.sin(2.0 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * np.cos(3.0 * x[:, 3])
    return found
