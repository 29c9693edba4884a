"""Fit one numeric column: robust center and scale, a generous clip, a flag for missing values.

A column may then be bent to a Gaussian shape: see ``normal_scores``.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.science.encoding import normal_scores
from app.science.encoding.encoding import NumericColumn

Shape = Literal["robust", "quantile", "auto"]

IQR_OF_NORMAL = 1.349
REACH = 6.0  # 99 % of the rows lie within this many scales of the median
LIMIT = 36.0  # no encoded value lies further out, however wild the outlier
MARGIN = 0.1  # share of the training range that stays open beyond its ends
TINY_SPREAD = 1e-12  # relative to the column's magnitude: rounding noise, not data


def fit_numeric(
    name: str,
    source: Literal["number", "datetime"],
    values: NDArray[np.float64],
    shape: Shape = "robust",
) -> NumericColumn | str:
    """The column, or the reason why it carries nothing.

    The scale is the interquartile one unless the tails are heavy. Then it is wide enough for
    99 % of the rows to lie within ``REACH``: a clip at a fixed number of interquartile ranges
    would cut the informative tail of a delay or an income. Single wild values move neither.

    Parameters
    ----------
    values : (n,), NaN for missing, unit of the column
    shape : ``robust`` keeps the column's shape, ``quantile`` gives it normal scores, ``auto`` does
        so where it is far from Gaussian; a column of few distinct values keeps its shape
    """
    missing = np.isnan(values)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "all values are missing"
    center = float(np.median(finite))
    scale = _scale(finite, center)
    if scale is None:
        return "its values overflow float64"
    if scale == 0.0:
        # The value says nothing, but its presence does: z is 0 where present, -1 where missing.
        return _presence(name, source, center) if missing.any() else "constant"
    low, high = _clip((finite.min() - center) / scale, (finite.max() - center) / scale)
    column = NumericColumn(name, source, center, center, scale, low, high, bool(missing.any()))
    return _shaped(column, np.clip((finite - center) / scale, low, high), shape)


def _shaped(column: NumericColumn, z: NDArray[np.float64], shape: Shape) -> NumericColumn:
    if shape == "robust" or not normal_scores.has_many_values(z):
        return column
    polygon = normal_scores.fit(z)
    if polygon is None or (shape == "auto" and not normal_scores.is_far(z, polygon)):
        return column
    low, high = max(column.low, polygon.low), min(column.high, polygon.high)
    return replace(column, low=low, high=high, knots=polygon.knots, values=polygon.values)


def _scale(finite: NDArray[np.float64], center: float) -> float | None:
    with np.errstate(over="ignore", invalid="ignore"):
        span = float(finite.max() - finite.min())
        if span <= TINY_SPREAD * float(np.abs(finite).max()):
            return 0.0
        low, high = np.quantile(finite, [0.25, 0.75])
        reach = np.quantile(np.abs(finite - center), 0.99, method="lower")
        usual = float(high - low) / IQR_OF_NORMAL or _bulk_spread(finite, center, float(reach))
        scale = max(usual, float(reach) / REACH)
    return scale if np.isfinite([scale, span]).all() and scale > 0.0 else None


def _bulk_spread(finite: NDArray[np.float64], center: float, reach: float) -> float:
    """Standard deviation for a column whose middle half is one value, outliers pulled in."""
    if reach == 0.0:
        return float(finite.std())
    return float(np.clip(finite, center - reach, center + reach).std())


def _clip(lowest: float, highest: float) -> tuple[float, float]:
    margin = MARGIN * (highest - lowest)
    return max(float(lowest - margin), -LIMIT), min(float(highest + margin), LIMIT)


def _presence(name: str, source: Literal["number", "datetime"], value: float) -> NumericColumn:
    unit = max(1.0, abs(value))  # value - unit must differ from value in float64
    return NumericColumn(name, source, value - unit, value, unit, -1.0, 0.0, missing_flag=False)
