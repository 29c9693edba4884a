"""Questions to a stored forecast: the error at other rows, the rows for another error."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from app.domain.errors import BeyondForecast

Forecast = Mapping[str, Any]
ENDS = ("value", "low", "high")


def at(forecast: Forecast, rows: int) -> dict[str, float | int]:
    """The metric after learning from ``rows`` rows, with its band.

    Between the band's points log errors are interpolated in log rows, as a power law runs.

    Raises
    ------
    BeyondForecast
        Nothing was measured that would carry so far, or to so few.
    """
    band: Sequence[Mapping[str, float]] = forecast.get("band") or ()
    if not band or not band[0]["rows"] <= rows <= band[-1]["rows"]:
        raise BeyondForecast(rows, _range(band))
    left, right = next(pair for pair in pairwise(band) if rows <= pair[1]["rows"])
    share = math.log(rows / left["rows"]) / math.log(right["rows"] / left["rows"])
    return {"rows": rows, **{end: _between(left[end], right[end], share) for end in ENDS}}


def rows_for(forecast: Forecast, target: float) -> int | None:
    """Least rows whose predicted metric is at most ``target``; None where it is out of reach."""
    band: Sequence[Mapping[str, float]] = forecast.get("band") or ()
    if not band or target < band[-1]["value"]:
        return None
    if target >= band[0]["value"]:
        return int(band[0]["rows"])
    left, right = next(pair for pair in pairwise(band) if pair[1]["value"] <= target)
    share = _share(left["value"], right["value"], target)
    return math.ceil(_between(left["rows"], right["rows"], share) - 1e-6)


def _share(first: float, last: float, value: float) -> float:
    """How far ``value`` lies from ``first`` to ``last`` in logs."""
    if value <= 0.0 or first <= 0.0 or last <= 0.0:
        return (first - value) / (first - last)
    return math.log(first / value) / math.log(first / last)


def _between(first: float, last: float, share: float) -> float:
    if first <= 0.0 or last <= 0.0:
        return first + share * (last - first)
    return math.exp((1.0 - share) * math.log(first) + share * math.log(last))


def _range(band: Sequence[Mapping[str, float]]) -> tuple[int, int] | None:
    return (int(band[0]["rows"]), int(band[-1]["rows"])) if band else None
