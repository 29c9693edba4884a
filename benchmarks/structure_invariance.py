"""Rows of the structure benchmark about invariance: what it gains, and whether it is found.

``python -m benchmarks.structure_invariance [--quick]`` prints them alone.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import factorial

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]

from app.science.linalg import gram_sums, median_squared_distance, ridge_gcv
from app.science.mimicry.kernels import kernel_matrix
from app.science.structure.invariance.find import find_invariances
from app.science.structure.invariance.group import Group
from app.science.structure.invariance.layout import PointSets
from app.science.structure.invariance.pooling import draw
from app.science.structure.invariance.quotient import canonical_form
from app.science.structure.invariance.signed_permutation import closure, permutation, swap
from app.science.structure.invariance.teacher import Map, View
from benchmarks.structure_invariance_families import INVARIANT, OTHERS, Family
from benchmarks.structure_row import Row

Floats = NDArray[np.float64]

TEST_ROWS = 4000
NOISE = 0.1
BETA = 1.0


def rows(quick: bool) -> list[Row]:
    """A9, A10 and A11."""
    seeds = range(2) if quick else range(10)
    return [
        *_sorting(seeds),
        _turns(seeds),
        _deep_sets(range(100)),
        *_found(range(1) if quick else range(10)),
    ]


@dataclass(frozen=True)
class _Ridge:
    """Kernel ridge on all rows, its penalty by generalized cross-validation."""

    view: View

    def test_error(self, f: Map, n: int, p: int, rng: np.random.Generator) -> float:
        """Mean squared error against the noiseless target, over its variance."""
        x, x_test = rng.random((n, p)), rng.random((TEST_ROWS, p))
        y, y_test = f(x), f(x_test)
        noisy = y + NOISE * y_test.std() * rng.standard_normal(n)
        images = self.view.images(x)
        width = 4.0 * median_squared_distance(images[0], rng)
        features = partial(self._features, centers=images[0], width=width)
        square = features(images) + 1e-8 * np.eye(n)
        square = (square + square.T) / 2.0
        fit = ridge_gcv(gram_sums([(square, noisy[:, None])]), square, one_standard_error=False)
        guess = features(self.view.images(x_test)) @ fit.weights + fit.intercept
        return float(((guess[:, 0] - y_test) ** 2).mean() / y_test.var())

    def _features(self, images: Sequence[Floats], *, centers: Floats, width: float) -> Floats:
        kernels = [kernel_matrix("laplace", rows, centers, width) for rows in images]
        return np.asarray(np.mean(kernels, axis=0))


def _sorting(seeds: Sequence[int]) -> list[Row]:
    """A9: a rough function of five sorted numbers, sorted to a growing part, 200 rows."""
    p, n = 5, 200
    orders = [factorial(k) for k in range(1, p + 1)]
    ours, more = np.zeros((2, len(seeds), p))
    for at, seed in enumerate(tqdm(seeds, "A9 sorting", file=sys.stderr)):
        target = _rough(_sorted_view(p, p), p, seed)
        for k in range(1, p + 1):
            sort = _Ridge(_sorted_view(p, k))
            ours[at, k - 1] = sort.test_error(target, n, p, np.random.default_rng([9, seed, k]))
            if orders[k - 1] <= 6:
                rng = np.random.default_rng([9, seed, 10 + k])
                more[at, k - 1] = _Ridge(View()).test_error(target, n * orders[k - 1], p, rng)
    means, plain = ours.mean(axis=0), more.mean(axis=0)
    ratios = means[:3] / plain[:3]
    slope = float(np.polyfit(np.log(orders), np.log(means), 1)[0])
    bar = -0.7 * 2 * BETA / (2 * BETA + p)
    detail = {"orders": orders, "error": means.tolist(), "plain_error": plain[:3].tolist()}
    return [
        Row(
            "A9 sorting, |G| <= 6: error over that of n |G| rows",
            float(ratios.max()),
            "<= 1.5",
            bool(ratios.max() <= 1.5),
            detail,
        ),
        Row(
            "A9 sorting: error falls with |G| = 1, 2, 6, 24, 120",
            " ".join(f"{value:.4f}" for value in means),
            "falling",
            bool((np.diff(means) < 0).all()),
            detail,
        ),
        Row("A9 sorting: slope of log error in log |G|", slope, f"<= {bar:.2f}", slope <= bar),
    ]


def _sorted_view(p: int, k: int) -> View:
    group = Group((), np.zeros(p))
    for j in range(k - 1):
        group = group.with_generator(swap(p, j, j + 1))
    return View(represent=canonical_form(group)) if k > 1 else View()


def _rough(view: View, p: int, seed: int) -> Map:
    """A draw of a Laplace kernel's span, averaged over the view; its paths are not smooth."""
    rng = np.random.default_rng([99, seed])
    centers, weights = rng.random((300, p)), rng.standard_normal(300)

    def value(x: Floats) -> Floats:
        images = view.images(x)
        return np.asarray(
            np.mean([kernel_matrix("laplace", Z, centers, 0.5) @ weights for Z in images], axis=0)
        )

    return value


def _turns(seeds: Sequence[int]) -> Row:
    """A9: a rough function of 3 x 3 images that quarter turns leave alone."""
    n, side = 300, 3
    turn = permutation(np.rot90(np.arange(side * side).reshape(side, side)).ravel())
    view = View(orbit=closure([turn], side * side, 4) or (), center=np.zeros(side * side))
    errors = np.empty((len(seeds), 2))
    for at, seed in enumerate(tqdm(seeds, "A9 turns", file=sys.stderr)):
        target = _rough(view, side * side, seed)
        for k, (ridge, size) in enumerate(((_Ridge(view), n), (_Ridge(View()), 4 * n))):
            rng = np.random.default_rng([19, seed, k])
            errors[at, k] = ridge.test_error(target, size, side * side, rng)
    ours, plain = errors.mean(axis=0)
    return Row(
        "A9 quarter turns, |G| = 4: error over that of n |G| rows",
        float(ours / plain),
        "<= 1.5",
        bool(ours <= 1.5 * plain),
        {"error": float(ours), "plain_error": float(plain)},
    )


def _deep_sets(seeds: Sequence[int]) -> Row:
    """A10: the sum of 48 numbers seen as n vectors of 48 / n, 60 training rows."""
    sizes = (2, 4, 6, 8)
    gaps = np.empty((len(seeds), len(sizes)))
    for at, seed in enumerate(tqdm(seeds, "A10 sets", file=sys.stderr)):
        for k, n_points in enumerate(sizes):
            gaps[at, k] = _gap(PointSets(n_points, 48 // n_points), seed)
    means = gaps.mean(axis=0)
    errors = gaps.std(axis=0, ddof=1) / np.sqrt(len(seeds))
    return Row(
        "A10 gap between test and training error, sets of 2, 4, 6, 8 vectors",
        " ".join(f"{value:.3g}" for value in means),
        "falling",
        bool((np.diff(means) < 0).all()),
        {"gap": means.tolist(), "standard_error": errors.tolist()},
    )


def _gap(layout: PointSets, seed: int) -> float:
    """Test error less training error, over the target's variance."""
    rng = np.random.default_rng([10, seed])
    x, x_test = rng.standard_normal((60, 48)), rng.standard_normal((10_000, 48))
    pooled = draw(layout, x, rng)
    features, y, y_test = pooled(x), x.sum(axis=1), x_test.sum(axis=1)
    # One penalty for all motifs: scaled one by one, those that are nearly dead would get free rein.
    shared = np.full(pooled.width, features.var(axis=0).mean())
    fit = ridge_gcv(gram_sums([(features, y[:, None])]), shared)
    errors = [
        float((((f @ fit.weights + fit.intercept)[:, 0] - target) ** 2).mean())
        for f, target in ((pooled(x_test), y_test), (features, y))
    ]
    return (errors[0] - errors[1]) / float(y_test.var())


def _found(seeds: Sequence[int]) -> list[Row]:
    """A11: share of the invariances found, and of searches with a false one."""
    power = _searches(INVARIANT, seeds, "A11 invariant")
    size = _searches(OTHERS, seeds, "A11 others")
    found = float(np.mean([each.found for each in power]))
    wrong = float(np.mean([each.wrong for each in size]))
    astray = float(np.mean([each.wrong for each in power]))
    seconds = [each.seconds for each in (*power, *size)]
    misses = sorted({each.name for each in power if not each.found})
    alarms = sorted({each.name for each in (*power, *size) if each.wrong})
    detail = {"missed": misses, "alarms": alarms, "seconds": float(np.median(seconds))}
    few = len(seeds) < 2
    return [
        Row("A11 power on 10 invariant groups", found, ">= 0.9", found >= 0.9, detail),
        Row(
            "A11 size on 10 groups that are none",
            wrong,
            "<= 0.05",
            None if few and wrong > 0 else wrong <= 0.05,
            detail,
        ),
        Row("A11 false generators beside true ones", astray, "<= 0.05", astray <= 0.05, detail),
    ]


@dataclass(frozen=True)
class _Search:
    name: str
    found: bool
    wrong: bool
    seconds: float


def _searches(families: Sequence[Family], seeds: Sequence[int], what: str) -> list[_Search]:
    work = [(family, seed) for family in families for seed in seeds]
    return [_search(*each) for each in tqdm(work, what, file=sys.stderr)]


def _search(family: Family, seed: int) -> _Search:
    x, y = family.draw(np.random.default_rng([11, seed]))
    report = find_invariances(x, y, family.layout, seed=seed)
    return _Search(
        family.name,
        all(report.group.contains(g) for g in family.generators),
        any(not family.holds(g) for g in report.group.generators),
        report.seconds,
    )


def main() -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    torch.set_num_threads(1)
    for row in rows(parser.parse_args().quick):
        sys.stdout.write(f"{row.name}: {row.measured} ({row.bar}) {row.passed} {row.detail}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
