"""A1, A2, A3: the teacher's error falls at the rate of the intrinsic dimension.

A1: draws of a Gaussian process with a Matern covariance of smoothness 1.5 on the unit d-sphere,
which lies isometrically in D columns, or bent by a random tanh layer with 20 columns of noise
beside it. A2: Nakada and Imaizumi 2020, JMLR 21(174), section 6.1: their function on d-spheres in
128 columns, here standardized. Errors of both are against the function itself. A3: their section
6.3, MNIST with noise in d directions; here the squared error of the ten classes by the teacher's
Laplace kernel on all pixels alike, as 100 rows teach no metric of 784 columns.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]

from app.science.linalg import median_squared_distance, one_thread
from app.science.mimicry import teacher
from app.science.mimicry.kernels import KERNELS, kernel_matrix
from benchmarks.data import DATA
from benchmarks.structure_row import Row

Floats = NDArray[np.float64]

SMOOTHNESS, NOISE = 1.5, 0.3
SPHERES, AMBIENT = (2, 4), (8, 32, 128)
NUISANCE = 20
TEST_ROWS = 1000
STEEPEST, FLATTEST = 1.5, 0.9
SAME, NEARLY_SAME = 1.15, 1.5
PAPER_DIMENSIONS, PAPER_COLUMNS, PAPER_NOISE = (4, 16, 64, 100), 128, 0.1
PAPER_SIZES = (100, 200, 400, 700, 1000)
MNIST_DIMENSIONS, MNIST_SIZES = (0, 25, 50, 75, 100), (100, 200, 300, 400, 500)
MNIST_BAND = (-0.28, -0.12)
PENALTIES = tuple(float(v) for v in 10.0 ** np.arange(-4.0, 1.6, 0.5))
FIRST_SEED = 12_000


@dataclass(frozen=True)
class Plan:
    """How much is run."""

    seeds: int
    sizes: tuple[int, ...]
    ambient: tuple[int, ...]
    paper_seeds: int
    mnist_seeds: int


FULL = Plan(5, (250, 500, 1000, 2000, 4000), AMBIENT, 10, 20)
QUICK = Plan(2, (250, 500, 1000, 2000), (8, 128), 2, 4)


def rows(quick: bool) -> list[Row]:
    """All three."""
    plan = QUICK if quick else FULL
    with one_thread():
        return [*_process_rows(plan), *_paper_rows(plan), *_mnist_rows(plan)]


def error(x: Floats, y: Floats, unseen: Floats, truth: Floats, seed: int) -> float:
    """Mean squared error of the teacher on rows that it has not seen."""
    fitted = teacher.fit(x, y, "regression", seed=seed, names=("nystrom_ridge",))
    return float(((fitted.predict(unseen) - truth) ** 2).mean())


def slope(sizes: Sequence[int], errors: Floats) -> float:
    """Of log error against log rows; errors (seeds, sizes) are averaged first."""
    return float(np.polyfit(np.log(sizes), np.log(errors.mean(axis=0)), 1)[0])


def sphere(n: int, d: int, rng: Generator) -> Floats:
    """(n, d + 1), uniform on the unit sphere."""
    points = rng.standard_normal((n, d + 1))
    unit: Floats = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit


def process(points: Floats, rng: Generator) -> Floats:
    """(n,), one draw of the process of unit variance: Matern 3/2 at length one."""
    squares = np.maximum(2.0 - 2.0 * points @ points.T, 0.0)
    r = np.sqrt(3.0 * squares)
    root = np.linalg.cholesky((1.0 + r) * np.exp(-r) + 1e-8 * np.eye(len(points)))
    found: Floats = root @ rng.standard_normal(len(points))
    return found


def isometric(points: Floats, width: int, rng: Generator) -> Floats:
    """(n, width), the same distances."""
    axes = np.linalg.qr(rng.standard_normal((width, points.shape[1])))[0]
    return np.asarray(points @ axes.T)


def bent(points: Floats, width: int, rng: Generator) -> Floats:
    """(n, width + 20), a random tanh layer's image, and noise of the same size beside it."""
    weights = rng.standard_normal((points.shape[1], width))
    image = np.tanh(points @ weights)
    return np.hstack([image, image.std() * rng.standard_normal((len(points), NUISANCE))])


EMBEDDINGS = {"isometric": isometric, "tanh and nuisance": bent}


def _process_rows(plan: Plan) -> list[Row]:
    made = []
    for d in SPHERES:
        errors = _process_errors(plan, d)
        made += [
            row for name in EMBEDDINGS for row in _process_verdicts(plan, d, name, errors[name])
        ]
    return made


def _process_errors(plan: Plan, d: int) -> dict[str, dict[int, Floats]]:
    """(seeds, sizes) by embedding and number of columns; the same function in all of them."""
    shape = (plan.seeds, len(plan.sizes))
    found = {name: {width: np.empty(shape) for width in plan.ambient} for name in EMBEDDINGS}
    for seed in tqdm(range(plan.seeds), desc=f"A1, d = {d}"):
        rng = np.random.default_rng([FIRST_SEED + seed, d])
        points = sphere(max(plan.sizes) + TEST_ROWS, d, rng)
        f = process(points, rng)
        y = f + NOISE * rng.standard_normal(len(f))
        for name, embed in EMBEDDINGS.items():
            for width in plan.ambient:
                x = embed(points, width, np.random.default_rng([seed, width]))
                test = slice(len(x) - TEST_ROWS, None)
                found[name][width][seed] = [
                    error(x[:n], y[:n], x[test], f[test], seed) for n in plan.sizes
                ]
    return found


def _process_verdicts(plan: Plan, d: int, name: str, errors: dict[int, Floats]) -> list[Row]:
    theory = -2.0 * SMOOTHNESS / (2.0 * SMOOTHNESS + d)
    slopes = {width: slope(plan.sizes, found) for width, found in errors.items()}
    last = {width: float(found[:, -1].mean()) for width, found in errors.items()}
    ratio = max(last.values()) / min(last.values())
    ceiling = SAME if name == "isometric" else NEARLY_SAME
    detail = {
        "theory": theory,
        "sizes": plan.sizes,
        "slopes": slopes,
        "errors": {width: found.tolist() for width, found in errors.items()},
    }
    told = ", ".join(f"D={width}: {value:.2f}" for width, value in slopes.items())
    low, high = STEEPEST * theory, FLATTEST * theory
    return [
        Row(
            f"A1 slope, Matern 3/2 on the {d}-sphere, {name}",
            f"{told} (theory {theory:.2f})",
            f"[{low:.2f}, {high:.2f}]",
            all(low <= value <= high for value in slopes.values()),
            detail,
        ),
        Row(
            f"A1 error at n = {plan.sizes[-1]} across D, {d}-sphere, {name}",
            f"largest over smallest {ratio:.2f}",
            f"<= {ceiling}",
            ratio <= ceiling,
            {"errors": last},
        ),
    ]


def paper_function(x: Floats) -> Floats:
    """(n,), section 6.1: smoothness two, every column in [0, 1]."""
    pairs = (x[:, :-1] * x[:, 1:]).mean(axis=1)
    root = np.sqrt(2.0) - 1.0
    left = 2.0 * np.sin(2.0 * np.pi * x)
    right = 4.0 * np.pi / root * (x - np.sqrt(0.5)) ** 2 - np.pi * root
    return np.asarray(pairs + np.where(x <= 0.5, left, right).mean(axis=1))


def _paper_rows(plan: Plan) -> list[Row]:
    errors = {d: np.array(_paper_errors(plan, d)) for d in PAPER_DIMENSIONS}
    slopes = {d: slope(PAPER_SIZES, found) for d, found in errors.items()}
    last = [float(errors[d][:, -1].mean()) for d in PAPER_DIMENSIONS]
    rising = all(a < b for a, b in pairwise(last))
    steeper = max(slopes[4], slopes[16]) < min(slopes[64], slopes[100])
    detail = {"sizes": PAPER_SIZES, "slopes": slopes, "errors_at_last": last}
    return [
        Row(
            "A2 error at n = 1,000 rises with d (paper's function, D = 128)",
            ", ".join(
                f"d={d}: {value:.4f}" for d, value in zip(PAPER_DIMENSIONS, last, strict=True)
            ),
            "rising",
            rising,
            detail,
        ),
        Row(
            "A2 slopes of d = 4 and 16 steeper than those of 64 and 100",
            ", ".join(f"d={d}: {value:.2f}" for d, value in slopes.items()),
            "steeper",
            steeper,
            detail,
        ),
    ]


def _paper_errors(plan: Plan, d: int) -> list[list[float]]:
    found = []
    for seed in tqdm(range(plan.paper_seeds), desc=f"A2, d = {d}"):
        rng = np.random.default_rng([FIRST_SEED + seed, d, 2])
        points = isometric(sphere(max(PAPER_SIZES) + TEST_ROWS, d, rng), PAPER_COLUMNS, rng)
        x = 0.5 + 0.5 * points / np.abs(points).max()
        f = paper_function(x)
        f = (f - f.mean()) / f.std()
        y = f + np.sqrt(PAPER_NOISE) * rng.standard_normal(len(f))
        test = slice(max(PAPER_SIZES), None)
        x = (x - x.mean(axis=0)) / x.std()
        found.append([error(x[:n], y[:n], x[test], f[test], seed) for n in PAPER_SIZES])
    return found


def _mnist_rows(plan: Plan) -> list[Row]:
    path = DATA / "images" / "mnist.npz"
    if not path.exists():
        return [Row("A3 MNIST with noise directions", "no data", "", None)]
    errors = _mnist_errors(plan, path)
    slopes = {d: slope(MNIST_SIZES, found) for d, found in errors.items()}
    detail = {
        "sizes": MNIST_SIZES,
        "slopes": slopes,
        "errors": {d: found.mean(axis=0).tolist() for d, found in errors.items()},
    }
    told = ", ".join(f"d={d}: {value:.3f}" for d, value in slopes.items())
    inside = all(MNIST_BAND[0] <= value <= MNIST_BAND[1] for value in slopes.values())
    return [
        Row(
            "A3 MNIST, slope of d = 0", told, "steeper than of 100", slopes[0] < slopes[100], detail
        ),
        Row("A3 MNIST, all slopes", told, "in [-0.28, -0.12]", inside, detail),
    ]


def _mnist_errors(plan: Plan, path: Path) -> dict[int, Floats]:
    """(seeds, sizes) by number of noise directions; the same images in all of them."""
    with np.load(path) as stored:
        images, digits = stored["X_train"], stored["y_train"].astype(np.int64)
    found = {d: np.empty((plan.mnist_seeds, len(MNIST_SIZES))) for d in MNIST_DIMENSIONS}
    for seed in tqdm(range(plan.mnist_seeds), desc="A3"):
        rng = np.random.default_rng([FIRST_SEED + seed, 3])
        chosen = rng.permutation(len(images))[: max(MNIST_SIZES) + TEST_ROWS]
        x, labels = images[chosen].reshape(len(chosen), -1) / 255.0, np.eye(10)[digits[chosen]]
        for d in MNIST_DIMENSIONS:
            found[d][seed] = _kernel_errors(_with_noise(x, d, rng), labels)
    return found


def _with_noise(x: Floats, d: int, rng: Generator) -> Floats:
    """Gaussian noise of variance 0.01 in d directions."""
    if d == 0:
        return x
    axes = np.linalg.qr(rng.standard_normal((x.shape[1], d)))[0]
    return np.asarray(x + 0.1 * rng.standard_normal((len(x), d)) @ axes.T)


def _kernel_errors(x: Floats, labels: Floats) -> list[float]:
    """Squared error on the last rows by size; the penalty by leave-one-out errors."""
    width = median_squared_distance(x, np.random.default_rng(0)) * KERNELS["laplace"].bandwidth ** 2
    unseen, test = x[max(MNIST_SIZES) :], labels[max(MNIST_SIZES) :]
    errors = []
    for n in MNIST_SIZES:
        mean = labels[:n].mean(axis=0)
        values, vectors = np.linalg.eigh(kernel_matrix("laplace", x[:n], x[:n], width))
        loads = vectors.T @ (labels[:n] - mean)
        weights = min((_dual(values, vectors, loads, v) for v in PENALTIES), key=lambda w: w[0])[1]
        outputs = kernel_matrix("laplace", unseen, x[:n], width) @ weights + mean
        errors.append(float(((outputs - test) ** 2).sum(axis=1).mean()))
    return errors


def _dual(values: Floats, vectors: Floats, loads: Floats, penalty: float) -> tuple[float, Floats]:
    """Mean squared leave-one-out error of kernel ridge, and its weights (n, c)."""
    inverse = 1.0 / (values + penalty)
    weights = vectors @ (inverse[:, None] * loads)
    left_out = weights / ((vectors**2) @ inverse)[:, None]
    return float((left_out**2).sum(axis=1).mean()), weights


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    for row in rows(parser.parse_args().quick):
        print(row.name, "|", row.measured, "|", row.bar, "|", row.passed)
