"""Accuracy rows: the 24 public manifolds, fresh ones, noise, spoiled tables, classic shapes."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import skdim

from benchmarks.dimension_rows import Points, Reading, Row, read, span
from benchmarks.manifolds import MANIFOLDS, embedded, s_sheet

RIVALS: dict[str, Callable[[Points], float]] = {
    "GRIDE(1,2)": lambda points: float(skdim.id.GRIDE().fit(points).dimension_),
    "TwoNN": lambda points: float(skdim.id.TwoNN().fit(points).dimension_),
    "MLE(20)": lambda points: float(skdim.id.MLE(K=20).fit(points, n_neighbors=20).dimension_),
    "MOM(100)": lambda points: float(skdim.id.MOM().fit(points, n_neighbors=100).dimension_),
}
N_ROWS = 2_500


def public(seeds: Sequence[int]) -> Iterator[Row]:
    """The 24 manifolds of scikit-dimension, against its estimators."""
    found = [reading for seed in seeds for reading in _public_readings(seed)]
    yield _errors(found, "24 manifolds", None, 0.50)
    high = [reading for reading in found if reading.truth >= 13]
    low = [reading for reading in found if reading.truth <= 4]
    yield _errors(high, "24 manifolds, d >= 13", "GRIDE(1,2)", 0.20)
    yield _errors(low, "24 manifolds, d <= 4", None, 1.1)
    middle = [reading for reading in found if 4 < reading.truth < 13]
    yield replace(_errors(middle, "24 manifolds, 4 < d < 13", None, 0.0), bar="", passed=None)
    yield _coverage(found, "24 manifolds")


def fresh(seeds: Sequence[int]) -> Iterator[Row]:
    """Thirty manifolds of our own; how often clean rows are called noisy is said as well."""
    found = [
        read(name, d, sampler(N_ROWS, np.random.default_rng(seed)))
        for seed in seeds
        for name, (d, sampler) in MANIFOLDS.items()
    ]
    yield _coverage(found, "30 fresh manifolds")
    alarms = [r.name for r in found if "noise_suspected" in r.flags]
    yield Row("clean fresh manifolds called noisy", f"{len(alarms)} of {len(found)}")
    error = float(np.mean([r.error for r in found]))
    yield Row("mean error, 30 fresh manifolds", f"{error:.1%}", values={"error": error})


def noise() -> Iterator[Row]:
    """Isotropic noise, its size relative to the cloud's root-mean-square radius."""
    rng = np.random.default_rng(7)
    for n, sigma in ((10_000, 0.01), (10_000, 0.03)):
        yield _noisy(f"S-curve, D=50, n={n}, sigma {sigma:.0%}", 2, s_sheet(n, rng), sigma)
    for n, p in ((2_500, 50), (10_000, 50), (10_000, 20)):
        cloud = embedded(rng.standard_normal((n, 6)) / np.sqrt(6), p)
        yield _noisy(f"Gaussian d=6, D={p}, n={n}, sigma 10%", 6, cloud, 0.1)


def spoiled() -> Iterator[Row]:
    """A 6-d cube with repeated rows, far from the origin, and rounded."""
    cube = np.random.default_rng(11).random((5_000, 6))
    clean = read("clean", 6, cube)
    cases = {
        "5 % duplicate rows": np.vstack([cube, cube[:250]]),
        "50 % duplicate rows": np.vstack([cube, cube[:2_500]]),
        "offset 1000": cube + 1000.0,
        "0.1 grid": np.round(cube, 1),
    }
    for name, points in cases.items():
        reading = read(name, 6, points)
        change = reading.best.value / clean.best.value - 1
        flags = set(reading.flags) - set(clean.flags)
        yield Row(
            f"6-d cube, {name}",
            f"{change:+.2%} of the clean value {' '.join(sorted(flags))}",
            "within 3 % or flagged",
            bool(abs(change) <= 0.03 or flags),
            {"change": change, "value": reading.best.value},
        )


def shapes() -> Iterator[Row]:
    """Curves, a roll and two fractals whose dimension is known exactly."""
    rng = np.random.default_rng(3)
    t, height = 1.5 * np.pi * (1 + 2 * rng.random(5_000)), 21 * rng.random(5_000)
    turn = 8 * np.pi * rng.random(5_000)
    cases: dict[str, tuple[float, Points]] = {
        "Koch curve": (np.log(4) / np.log(3), _fractal(_KOCH, 5_000, rng)),
        "Sierpinski triangle": (np.log(3) / np.log(2), _fractal(_SIERPINSKI, 5_000, rng)),
        "Swiss roll": (2.0, np.c_[t * np.cos(t), height, t * np.sin(t)]),
        "helix": (1.0, np.c_[np.cos(turn), np.sin(turn), 0.2 * turn]),
    }
    for name, (truth, points) in cases.items():
        reading = read(name, truth, points)
        yield Row(
            f"{name}, d = {truth:.3f}",
            f"{span(reading.best)}, error {reading.error:.1%}",
            "<= 10 %",
            reading.error <= 0.1,
            {"value": reading.best.value},
        )


def _public_readings(seed: int) -> Iterator[Reading]:
    makers = skdim.datasets.BenchmarkManifolds(random_state=seed)
    clouds = makers.generate("all", n=N_ROWS)
    truth = makers.truth["Intrinsic Dimension"]
    for name, points in clouds.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            others = {rival: fit(points) for rival, fit in RIVALS.items()}
        yield replace(read(name, float(truth[name]), np.asarray(points, float)), others=others)


def _errors(found: Sequence[Reading], what: str, rival: str | None, bar: float) -> Row:
    """Mean relative error over that of one rival, or of the best."""
    ours = float(np.mean([r.error for r in found]))
    theirs = {
        name: float(np.mean([abs(r.others[name] / r.truth - 1) for r in found])) for name in RIVALS
    }
    against = rival or min(theirs, key=lambda name: theirs[name])
    ratio = ours / theirs[against]
    finite = all(np.isfinite(r.best.value) for r in found)
    return Row(
        f"mean error, {what}",
        f"{ours:.2%} / {theirs[against]:.2%} of {against} = {ratio:.2f}x",
        f"<= {bar:.2f}x",
        bool(ratio <= bar and finite),
        {"ours": ours, "ratio": ratio, **theirs},
    )


def _coverage(found: Sequence[Reading], what: str) -> Row:
    held = float(np.mean([r.holds for r in found]))
    width = float(np.median([r.width for r in found]))
    missed = sorted({r.name for r in found if not r.holds})
    return Row(
        f"90 % interval, {what}",
        f"coverage {held:.3f}, median width {width:.3f}",
        ">= 0.88, width <= 0.25",
        held >= 0.88 and width <= 0.25,
        {"coverage": held, "width": width, "missed": missed},
    )


def _noisy(what: str, truth: float, clean: Points, sigma: float) -> Row:
    rng = np.random.default_rng(13)
    p = clean.shape[1]
    reading = read(what, truth, clean + sigma * rng.standard_normal(clean.shape) / np.sqrt(p))
    flagged = "noise_suspected" in reading.flags
    return Row(
        what,
        f"{span(reading.best)} {'flagged' if flagged else 'no flag'}",
        "within 10 %, or flagged",
        reading.error <= 0.1 or (flagged and reading.holds),
        {"value": reading.best.value, "holds": reading.holds, "flagged": flagged},
    )


def _fractal(maps: Sequence[tuple[Points, Points]], n: int, rng: np.random.Generator) -> Points:
    """Points of the attractor of similarities; each goes its own way for forty steps."""
    points = rng.random((n, 2))
    for _ in range(40):
        which = rng.integers(len(maps), size=n)
        turns = np.stack([m[0] for m in maps])[which]
        points = np.einsum("nij,nj->ni", turns, points) + np.stack([m[1] for m in maps])[which]
    return points


def _turn(degrees: float, scale: float) -> Points:
    a = np.deg2rad(degrees)
    turned: Points = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return turned


_KOCH = (
    (_turn(0, 1 / 3), np.array([0.0, 0.0])),
    (_turn(60, 1 / 3), np.array([1 / 3, 0.0])),
    (_turn(-60, 1 / 3), np.array([0.5, np.sqrt(3) / 6])),
    (_turn(0, 1 / 3), np.array([2 / 3, 0.0])),
)
_SIERPINSKI = tuple(
    (_turn(0, 0.5), np.array(corner)) for corner in ([0.0, 0.0], [0.5, 0.0], [0.25, 0.433])
)
