"""Thirty manifolds of known dimension, none of them from a library's benchmark.

Twelve are curved, nine have heavy tails or an uneven density, the rest are flat or products. No
threshold of the library was set on the 24 public manifolds; these stand for what users bring.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float64]
Sampler = Callable[[int, Generator], Points]


def embedded(points: Points, p: int, seed: int = 1) -> Points:
    """Isometric copy of (n, d) points in p dimensions."""
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((p, p)))[0]
    image: Points = points @ axes[: points.shape[1]]
    return image


def sphere(n: int, d: int, rng: Generator) -> Points:
    """Uniform on the unit d-sphere; (n, d + 1)."""
    points = rng.standard_normal((n, d + 1))
    unit: Points = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit


def network(n: int, d: int, p: int, rng: Generator, activation: str = "tanh") -> Points:
    """A random one-layer network's image of a Gaussian; (n, p)."""
    weights = np.random.default_rng(d)
    hidden = rng.standard_normal((n, d)) @ weights.standard_normal((d, 8 * d)) / np.sqrt(d)
    hidden = np.tanh(hidden) if activation == "tanh" else np.maximum(hidden, 0.1 * hidden)
    image: Points = hidden @ weights.standard_normal((8 * d, p))
    return image


def spiral(n: int, rng: Generator) -> Points:
    """A conical spiral; d = 1."""
    t = rng.random(n)
    path: Points = np.c_[t * np.cos(9 * t), t * np.sin(9 * t), t]
    return path


def trefoil(n: int, rng: Generator) -> Points:
    """The trefoil knot; d = 1."""
    t = 2 * np.pi * rng.random(n)
    knot: Points = np.c_[
        np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)
    ]
    return knot


def s_sheet(n: int, rng: Generator) -> Points:
    """A sheet bent to an S, root-mean-square radius one, in 50 dimensions; d = 2."""
    t, width = 3 * np.pi * (rng.random(n) - 0.5), 2 * rng.random(n)
    sheet = np.c_[np.sin(t), width, np.sign(t) * (np.cos(t) - 1)]
    sheet -= sheet.mean(axis=0)
    return embedded(sheet / np.sqrt((sheet**2).sum(axis=1).mean()), 50)


def ring_torus(n: int, rng: Generator) -> Points:
    """A torus in three dimensions; d = 2."""
    u, v = 2 * np.pi * rng.random((2, n))
    ring: Points = np.c_[(2 + np.cos(v)) * np.cos(u), (2 + np.cos(v)) * np.sin(u), np.sin(v)]
    return ring


def saddle(n: int, rng: Generator) -> Points:
    """A monkey saddle in ten dimensions; d = 2."""
    x, y = 2 * rng.random((2, n)) - 1
    return embedded(np.c_[x, y, x**3 - 3 * x * y**2], 10)


def waves(n: int, rng: Generator) -> Points:
    """Sampled sine waves of random height, frequency and phase; d = 3."""
    height, frequency, phase = 0.5 + rng.random(n), 2 + 2 * rng.random(n), 3 * rng.random(n)
    t = np.linspace(0, 3, 50)
    return height[:, None] * np.sin(frequency[:, None] * t + phase[:, None])


def bumps(n: int, rng: Generator) -> Points:
    """8 x 8 pictures of a bump: place, width and height; d = 4."""
    grid = np.stack(np.meshgrid(np.arange(8), np.arange(8)), axis=-1).reshape(-1, 2)
    place, width = 2 + 4 * rng.random((n, 2)), 1.5 + rng.random(n)
    squares = ((grid[None] - place[:, None]) ** 2).sum(axis=2)
    pictures: Points = (0.5 + rng.random(n))[:, None] * np.exp(-squares / (2 * width[:, None] ** 2))
    return pictures


def circles(n: int, rng: Generator) -> Points:
    """A product of four circles of unequal radii; d = 4."""
    angles = 2 * np.pi * rng.random((n, 4))
    radii = np.array([1.0, 1.3, 1.7, 2.0])
    return embedded(np.hstack([radii * np.cos(angles), radii * np.sin(angles)]), 12)


def cosines(n: int, rng: Generator) -> Points:
    """Random cosine features of a cube; d = 5."""
    frequencies = np.random.default_rng(5).standard_normal((5, 40))
    features: Points = np.cos(1.5 * rng.random((n, 5)) @ frequencies)
    return features


def quadratic(n: int, rng: Generator) -> Points:
    """A Gaussian with all its products, weakly; d = 6."""
    z = rng.standard_normal((n, 6))
    i, j = np.triu_indices(6)
    return np.hstack([z, 0.1 * z[:, i] * z[:, j]])


def rotations(n: int, rng: Generator) -> Points:
    """Orthogonal 4 x 4 matrices; d = 6."""
    q, r = np.linalg.qr(rng.standard_normal((n, 4, 4)))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
    points: Points = (q * signs[:, None, :]).reshape(n, 16)
    return points


def frames(n: int, rng: Generator) -> Points:
    """Two orthonormal vectors in six dimensions; d = 9."""
    q, r = np.linalg.qr(rng.standard_normal((n, 6, 2)))
    points: Points = (q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]).reshape(n, 12)
    return points


def mixture(n: int, rng: Generator) -> Points:
    """Three Gaussian clouds of unlike sizes; d = 12."""
    centers = 4 * np.random.default_rng(12).standard_normal((3, 12))
    which = rng.integers(3, size=n)
    sizes = np.array([0.5, 1.0, 1.5])[which]
    return embedded(centers[which] + sizes[:, None] * rng.standard_normal((n, 12)), 30)


def low_rank(n: int, rng: Generator) -> Points:
    """Gaussian 5 x 5 matrices of rank two, heavy in the tails; d = 16."""
    points: Points = (rng.standard_normal((n, 5, 2)) @ rng.standard_normal((n, 2, 5))).reshape(
        n, 25
    )
    return points


MANIFOLDS: dict[str, tuple[int, Sampler]] = {
    "spiral": (1, spiral),
    "trefoil": (1, trefoil),
    "s_sheet": (2, s_sheet),
    "ring_torus": (2, ring_torus),
    "saddle": (2, saddle),
    "waves": (3, waves),
    "tanh_3": (3, lambda n, rng: network(n, 3, 20, rng)),
    "bumps": (4, bumps),
    "circles": (4, circles),
    "exponential": (4, lambda n, rng: embedded(rng.exponential(size=(n, 4)), 12)),
    "cosines": (5, cosines),
    "lognormal": (5, lambda n, rng: np.exp(0.7 * rng.standard_normal((n, 5)))),
    "quadratic": (6, quadratic),
    "rotations": (6, rotations),
    "laplace": (6, lambda n, rng: embedded(rng.laplace(size=(n, 6)), 20)),
    "dirichlet_half": (6, lambda n, rng: rng.dirichlet(np.full(7, 0.5), n)),
    "arcsine": (7, lambda n, rng: embedded(rng.beta(0.5, 0.5, (n, 7)), 15)),
    "tanh_8": (8, lambda n, rng: network(n, 8, 40, rng)),
    "sphere_x_cube": (9, lambda n, rng: np.hstack([sphere(n, 6, rng), rng.random((n, 3))])),
    "frames": (9, frames),
    "dirichlet": (10, lambda n, rng: rng.dirichlet(np.ones(11), n)),
    "leaky_10": (10, lambda n, rng: network(n, 10, 50, rng, "leaky")),
    "gamma": (11, lambda n, rng: embedded(rng.gamma(2.0, size=(n, 11)), 25)),
    "mixture": (12, mixture),
    "tanh_15": (15, lambda n, rng: network(n, 15, 60, rng)),
    "low_rank": (16, low_rank),
    "unequal": (20, lambda n, rng: rng.standard_normal((n, 20)) * np.linspace(1, 3, 20)),
    "triangular": (24, lambda n, rng: embedded(rng.random((n, 24)) + rng.random((n, 24)), 50)),
    "sphere_25": (25, lambda n, rng: embedded(sphere(n, 25, rng), 60)),
    "sphere_40": (40, lambda n, rng: embedded(sphere(n, 40, rng), 80)),
}  # fmt: skip
"""Name: (dimension, sampler); ``sampler(n, rng)`` draws (n, p) rows."""
