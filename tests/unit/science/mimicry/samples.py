"""Small synthetic data sets."""

import numpy as np


def index_model(n: int = 2000, p: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One direction out of thirty decides."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n, p))
    return rows, np.sin(3.0 * rows[:, :4].sum(axis=1) / 2.0) + 0.05 * rng.normal(size=n)


def smooth(n: int = 1200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A jump-free target in five coordinates, in an odd unit."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n, 5))
    y = np.sin(2.0 * rows[:, 0]) + rows[:, 1] * rows[:, 2] + 0.5 * np.cos(3.0 * rows[:, 3])
    return rows, 1000.0 + 50.0 * (y + 0.05 * rng.normal(size=n))


def linear(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A linear target in noise."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 8))
    return rows, rows @ np.arange(1.0, 9.0) + 8.0 * rng.normal(size=n)


def rings(n_classes: int, n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes are rings around the origin, so a linear model fails."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 1.0 + codes + 0.15 * rng.normal(size=n)
    rows = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), rng.normal(size=n)])
    return rows, codes


def r2(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Share of the variance explained."""
    return float(1.0 - ((prediction - truth) ** 2).mean() / truth.var())
