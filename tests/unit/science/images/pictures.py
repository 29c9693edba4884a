"""Small images with a class that shows only in local structure: stripes of two directions."""

import numpy as np
from numpy.typing import NDArray


def stripes(
    n: int, side: int = 16, channels: int = 1, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(n, side, side, channels) of random phase and contrast, and the class of the direction."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    phase, rate = rng.uniform(0, 2 * np.pi, (n, 1, 1)), rng.uniform(1.0, 1.6, (n, 1, 1))
    rows, columns = np.mgrid[:side, :side]
    along = np.choose(codes[:, None, None], [rows, columns, rows + columns])
    waves = np.sin(rate * along + phase) * rng.uniform(0.3, 1.0, (n, 1, 1))
    noise = rng.normal(0.0, 0.3, (n, side, side, channels))
    pixels = 128 + 50 * (waves[..., None] + noise)
    return pixels.clip(0, 255).astype(np.uint8), codes
