"""Simulate the calibration table and write ``calibration.npz`` beside this file.

Run ``python -m app.science.intrinsic_dimension.make_calibration``. It is seeded and takes
about seven minutes on one CPU thread.

The table holds the pooled estimate on every family at dimensions x sample sizes x k. The
simulated values carry 0.5 to 1.5 % noise, so log(value / d) is smoothed by a weighted
polynomial in (log d, log n, log k), and made non-decreasing in d.
"""

import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from app.science.intrinsic_dimension.estimators.mle import pooled_curve
from app.science.intrinsic_dimension.families import FAMILIES, Sampler
from app.science.intrinsic_dimension.neighbors import exact_neighbors

DIMENSIONS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 40, 50, 60, 75, 90, 110, 128)
KS = (2, 3, 4, 5, 8, 16, 32, 64, 128)
# sample size: (repetitions, query rows); few rows stand in many repetitions
DESIGN = {
    50: (600, 50),
    100: (300, 100),
    200: (150, 200),
    500: (40, 500),
    1_000: (16, 1_000),
    2_500: (6, 2_500),
    8_000: (2, 4_000),
    40_000: (1, 4_000),
}
DEGREES = (9, 4, 3)  # in log d, log n, log k
MAX_K_SHARE = 0.5  # no cell where k is more than this share of n
SEED = 20261124
OUTPUT = Path(__file__).with_name("calibration.npz")


def simulate(sampler: Sampler, d: int, n: int, seed: int) -> NDArray[np.float64]:
    """Pooled estimate at every k of ``KS`` for one family, dimension and size; (c,)."""
    repetitions, queries = DESIGN[n]
    generator = torch.Generator().manual_seed(seed)
    ks = [k for k in KS if k <= MAX_K_SHARE * n]
    rows = []
    for repetition in range(repetitions):
        points = sampler(n, d, generator)
        rows.append(_distances(points, ks[-1], queries, seed + repetition))
    curve = pooled_curve(torch.cat(rows))
    values = np.full(len(KS), np.nan)
    values[: len(ks)] = curve[[k - 1 for k in ks]].numpy()
    return values


def smoothed(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth one family's values over dimension, size and k.

    Parameters
    ----------
    raw : (a, b, c), dimensions x sizes x ks, NaN where k is too large for n

    Returns
    -------
    NDArray
        (a, b, c), without NaN, non-decreasing along dimensions.
    """
    d, n, k = (np.asarray(axis, float) for axis in (DIMENSIONS, tuple(DESIGN), KS))
    bias = np.log(raw / d[:, None, None])
    counts = np.array([repetitions * queries for repetitions, queries in DESIGN.values()])
    weights = np.broadcast_to(np.sqrt(counts[:, None] * (k - 1.0)), raw.shape)
    axes = np.meshgrid(_unit(np.log(d)), _unit(np.log(n)), _unit(np.log(k)), indexing="ij")
    basis = chebyshev.chebvander3d(*axes, DEGREES)  # (a, b, c, terms)
    seen = np.isfinite(bias)
    coefficients, *_ = np.linalg.lstsq(
        basis[seen] * weights[seen][:, None], bias[seen] * weights[seen], rcond=None
    )
    fitted = d[:, None, None] * np.exp(basis @ coefficients)
    fitted = np.where(seen, fitted, np.nan)
    for column in range(1, len(KS)):  # cells that cannot exist repeat the largest k that can
        missing = np.isnan(fitted[:, :, column])
        fitted[:, :, column] = np.where(missing, fitted[:, :, column - 1], fitted[:, :, column])
    monotone: NDArray[np.float64] = np.maximum.accumulate(fitted, axis=0)
    return monotone


def simulate_family(family: str) -> NDArray[np.float64]:
    """Every cell of one family; (a, b, c). Each cell has its own seed."""
    table = np.empty((len(DIMENSIONS), len(DESIGN), len(KS)))
    for i, d in enumerate(DIMENSIONS):
        for j, n in enumerate(DESIGN):
            seed = SEED + zlib.crc32(f"{family} {d} {n}".encode())
            table[i, j] = simulate(FAMILIES[family], d, n, seed)
    return table


def write(simulated: list[NDArray[np.float64]]) -> None:
    """Smooth the families' values, in the order of ``FAMILIES``, and write the file."""
    np.savez_compressed(
        OUTPUT,
        families=np.array(tuple(FAMILIES)),
        dimensions=np.array(DIMENSIONS, float),
        sizes=np.array(tuple(DESIGN), float),
        ks=np.array(KS, float),
        raw=np.stack([smoothed(table) for table in simulated]).astype(np.float32),
        simulated=np.stack(simulated).astype(np.float32),
        seed=np.array(SEED),
    )


def main() -> None:
    """Simulate, smooth and write, on one thread."""
    torch.set_num_threads(1)
    write([simulate_family(family) for family in FAMILIES])


def _distances(points: torch.Tensor, k: int, queries: int, seed: int) -> torch.Tensor:
    """Neighbor distances of one cloud; (queries, k). Small clouds need no blocks."""
    if len(points) > 1_000:
        return exact_neighbors(points, k, queries=queries, seed=seed).distances
    mode = "donot_use_mm_for_euclid_dist" if points.shape[1] <= 16 else "use_mm_for_euclid_dist"
    distances = torch.cdist(points, points, compute_mode=mode)
    distances.fill_diagonal_(torch.inf)
    nearest: torch.Tensor = distances.topk(k, largest=False).values
    return nearest


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map an axis onto [-1, 1]."""
    low, high = values.min(), values.max()
    unit: NDArray[np.float64] = 2.0 * (values - low) / (high - low) - 1.0
    return unit


if __name__ == "__main__":
    main()
