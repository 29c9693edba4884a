"""Remove the finite-sample bias of the pooled estimate by inverting a simulated table.

A distance ratio says less than d when d is high for the sample. How much less depends on d
and on p = k / n, hardly on the shape of the cloud. So the table holds the pooled estimate on
families of known d, and calibrating means asking which d gives the value that was seen.

Source: own measurements; the idea of a simulated correction is in Camastra and Vinciarelli
2002, doi:10.1109/TPAMI.2002.1039212. Differs from it: several families, whose spread is the
systematic part of the interval, and one table for every sample size.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.science.intrinsic_dimension.families import CORE

_FILE = Path(__file__).with_name("calibration.npz")


@dataclass(frozen=True, slots=True)
class CalibrationTable:
    """The pooled estimate on families of known dimension.

    Parameters
    ----------
    families : f names
    dimensions : (a,), ascending
    sizes : (b,), ascending, number of references
    ks : (c,), ascending
    raw : (f, a, b, c), non-decreasing along a
    """

    families: tuple[str, ...]
    dimensions: NDArray[np.float64]
    sizes: NDArray[np.float64]
    ks: NDArray[np.float64]
    raw: NDArray[np.float64]

    def raw_curves(self, n: int, k: int) -> tuple[NDArray[np.float64], bool]:
        """Pooled estimate of every family at every dimension, (f, a), and if (n, k) was clamped.

        Beyond the largest size or k only p = k / n matters, so both shrink in proportion.
        """
        shrink = min(1.0, self.sizes[-1] / n, self.ks[-1] / k)
        size = float(np.clip(n * shrink, self.sizes[0], self.sizes[-1]))
        neighbor = float(np.clip(k * shrink, self.ks[0], self.ks[-1]))
        i, s = _bracket(self.sizes, size)
        j, t = _bracket(self.ks, neighbor)
        logs = np.log(self.raw[:, :, i : i + 2, j : j + 2])  # (f, a, 2, 2)
        at_size = (1 - s) * logs[:, :, 0] + s * logs[:, :, 1]
        curves = np.exp((1 - t) * at_size[..., 0] + t * at_size[..., 1])
        return curves, size > n * shrink or neighbor > k * shrink


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One raw value, read as a dimension by every family.

    Parameters
    ----------
    by_family : calibrated dimension for each family
    clamped : n or k lies outside the table, so its nearest entry was used
    beyond : the value lies above the table's largest dimension for some family
    """

    by_family: dict[str, float]
    clamped: bool
    beyond: bool

    @property
    def value(self) -> float:
        """Mean over the core families."""
        return float(np.mean(self.core()))

    def core(self) -> list[float]:
        """Values of the round and flat families alone."""
        return [self.by_family[name] for name in CORE]


@lru_cache(maxsize=1)
def load_table() -> CalibrationTable:
    """Read the table that ships with the package."""
    with np.load(_FILE, allow_pickle=False) as file:
        return CalibrationTable(
            families=tuple(str(name) for name in file["families"]),
            dimensions=file["dimensions"],
            sizes=file["sizes"],
            ks=file["ks"],
            raw=file["raw"].astype(np.float64),
        )


def calibrate(raw: float, *, k: int, n_references: int) -> Calibrated:
    """Read a pooled estimate at ``k`` neighbors among ``n_references`` rows as a dimension.

    Between table entries the inverse is linear in log d against log raw. Below d = 1 the
    first entry's ratio is kept; above the last entry the value is clamped.

    Parameters
    ----------
    raw : pooled estimate, finite and > 0
    """
    table = load_table()
    curves, clamped = table.raw_curves(n_references, k)
    by_family = {
        name: _inverse(curve, table.dimensions, raw)
        for name, curve in zip(table.families, curves, strict=True)
    }
    beyond = bool((curves[:, -1] <= raw).any())
    return Calibrated(by_family=by_family, clamped=clamped, beyond=beyond)


def _inverse(curve: NDArray[np.float64], dimensions: NDArray[np.float64], raw: float) -> float:
    """The dimension whose table value is ``raw``; curve and dimensions are (a,)."""
    if raw <= curve[0]:
        return float(raw * dimensions[0] / curve[0])
    return float(np.exp(np.interp(np.log(raw), np.log(curve), np.log(dimensions))))


def _bracket(knots: NDArray[np.float64], value: float) -> tuple[int, float]:
    """Index of the knot below, and the position up to the next one on a log scale."""
    index = int(np.clip(np.searchsorted(knots, value, side="right") - 1, 0, len(knots) - 2))
    low, high = np.log(knots[index]), np.log(knots[index + 1])
    return index, float((np.log(value) - low) / (high - low))
