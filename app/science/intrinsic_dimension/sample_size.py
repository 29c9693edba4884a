"""How many rows would make the interval narrow.

Source: own measurements: the spread of the families and the law of errors, both read from the
calibration table. Differs from the interval itself in that it assumes a flat, clean cloud.
"""

import math

import numpy as np
from numpy.typing import NDArray

from app.science.intrinsic_dimension.calibration import calibrate, load_table
from app.science.intrinsic_dimension.families import CORE
from app.science.intrinsic_dimension.scale_curve import BAND_STDERRS

HALF_WIDTH = 0.1
_K = 2  # the widest part of the interval
_MOST_ROWS = 10**9


def rows_for_ten_percent(d: float, *, max_queries: int) -> int | None:
    """Rows at which the interval is expected to be the value plus or minus 10 %.

    Beyond the table the width is extended as a power of n; ``None`` above a billion rows.
    """
    sizes = load_table().sizes
    widths = [_half_width(d, int(n), max_queries) for n in sizes]
    for i, width in enumerate(widths):
        if width <= HALF_WIDTH:
            start = max(i - 1, 0)
            return _crossing(sizes[start : i + 1], widths[start : i + 1])
    if not math.isfinite(widths[-2]):
        return None
    slope = math.log(widths[-1] / widths[-2]) / math.log(sizes[-1] / sizes[-2])
    if slope >= 0:
        return None
    log_rows = math.log(sizes[-1]) + math.log(HALF_WIDTH / widths[-1]) / slope
    return _rounded(math.exp(log_rows)) if log_rows < math.log(_MOST_ROWS) else None


def _half_width(d: float, n: int, max_queries: int) -> float:
    """Expected relative half width of the interval over the core families at n rows."""
    table = load_table()
    curves, _ = table.raw_curves(n, _K)
    core = [table.families.index(name) for name in CORE]
    log_raw = [np.interp(math.log(d), np.log(table.dimensions), np.log(curves[f])) for f in core]
    raw = math.exp(float(np.mean(log_raw)))
    half = BAND_STDERRS / math.sqrt(min(n, max_queries) * (_K - 1))
    low = calibrate(raw * (1 - half), k=_K, n_references=n)
    high = calibrate(raw * (1 + half), k=_K, n_references=n)
    return math.inf if high.beyond else (max(high.core()) - min(low.core())) / (2 * d)


def _crossing(sizes: NDArray[np.float64], widths: list[float]) -> int:
    """Where the width passes the goal between two sizes, on log scales."""
    if len(sizes) == 1 or not math.isfinite(widths[0]):
        return int(sizes[-1])
    share = math.log(widths[0] / HALF_WIDTH) / math.log(widths[0] / widths[1])
    return _rounded(float(sizes[0] * (sizes[1] / sizes[0]) ** share))


def _rounded(rows: float) -> int:
    """Two digits, because more would pretend."""
    unit: int = 10 ** max(0, math.floor(math.log10(rows)) - 1)
    return math.ceil(rows / unit) * unit
