"""The cloud that speed is measured on; needs numpy alone."""

import numpy as np
from numpy.typing import NDArray

SHAPE = (20_000, 100)


def cloud(shape: tuple[int, int]) -> NDArray[np.float32]:
    """A 12-d Gaussian through a random tanh layer, made in blocks; float32."""
    rng = np.random.default_rng(0)
    n, p = shape
    first = rng.standard_normal((12, 64)) / np.sqrt(12)
    second = rng.standard_normal((64, p)) / 8
    points = np.empty(shape, np.float32)
    for start in range(0, n, 2_000):
        part = points[start : start + 2_000]
        hidden = np.tanh(rng.standard_normal((len(part), 12)) @ first)
        part[:] = hidden @ second + 1e-3 * rng.standard_normal((len(part), p))
    return points
