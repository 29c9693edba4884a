"""Point clouds of known dimension for these tests."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def cube(n: int, d: int, seed: int = 0) -> Points:
    return np.random.default_rng(seed).random((n, d))


def gauss(n: int, d: int, seed: int = 0) -> Points:
    return np.random.default_rng(seed).standard_normal((n, d))


def sphere(n: int, d: int, seed: int = 0) -> Points:
    directions = gauss(n, d + 1, seed)
    norms: Points = np.linalg.norm(directions, axis=1, keepdims=True)
    return directions / norms


def rotation(p: int, seed: int = 0) -> Points:
    return np.linalg.qr(gauss(p, p, seed))[0]


def embedded(points: Points, p: int, seed: int = 0) -> Points:
    """Isometric copy in p dimensions."""
    return points @ rotation(p, seed)[: points.shape[1]]


def tanh_net(n: int, d: int, p: int, seed: int = 0) -> Points:
    """A smooth curved image of a Gaussian latent in p dimensions."""
    hidden = np.tanh(gauss(n, d, seed) @ gauss(d, 8 * d, seed + 1) / np.sqrt(d))
    image: Points = hidden @ gauss(8 * d, p, seed + 2)
    return image


def s_curve(n: int, seed: int = 0) -> Points:
    """A sheet bent to an S, of root-mean-square radius one, in 50 dimensions."""
    rng = np.random.default_rng(seed)
    t, width = 3 * np.pi * (rng.random(n) - 0.5), 2 * rng.random(n)
    sheet = np.c_[np.sin(t), width, np.sign(t) * (np.cos(t) - 1)]
    sheet -= sheet.mean(axis=0)
    return embedded(sheet / np.sqrt((sheet**2).sum(axis=1).mean()), 50, seed)
