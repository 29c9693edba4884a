"""The learning curve: measured sizes, the fitted law with its band, and what lies ahead."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    PALE,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.wording import number

FIELDS = ("rows", "value", "low", "high")


def learning_curve(forecast: Mapping[str, Any]) -> Plot:
    """Error over rows, with the band that is forecast.

    Parameters
    ----------
    forecast : forecast JSON with ``measured`` and ``band``, lists of rows, value, low and high;
        ``metric``, ``level``, ``noise_floor``, ``most_rows`` and ``sentence``
    """
    measured: Sequence[Mapping[str, float]] = forecast["measured"]
    if not measured:
        raise ScienceError("the forecast has no measured sizes to draw")
    metric = str(forecast["metric"]).replace("_", " ")
    with look():
        figure, axes = new_axes(
            "What more rows would bring",
            "rows to learn from (log scale)",
            f"{metric} on other rows",
        )
        axes.grid(axis="y")
        axes.set_xscale("log")
        last = float(measured[-1]["rows"])
        axes.axvspan(last, float(forecast["most_rows"]), color=PALE, alpha=0.45, lw=0, zorder=-1)
        _band(axes, forecast["band"], float(forecast["level"]))
        _points(axes, measured)
        _floor(axes, forecast)
        axes.set_ylim(bottom=0.0)
        axes.set_xticks(_ticks(float(measured[0]["rows"]), float(forecast["most_rows"])))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(plain_numbers())
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_formatter(plain_numbers())
        figure.legend(loc="outside lower center", ncols=3)
        return finish("learning_curve", figure, _table(forecast), _caption(forecast))


def _band(axes: Axes, band: Sequence[Mapping[str, float]], level: float) -> None:
    rows, value, low, high = ([float(point[field]) for point in band] for field in FIELDS)
    axes.fill_between(rows, low, high, color=BLUE, alpha=0.2, lw=0, label=f"{level:.0%} band")
    axes.plot(rows, value, color=BLUE, lw=2.2, label="fitted law and forecast")


def _points(axes: Axes, measured: Sequence[Mapping[str, float]]) -> None:
    rows, value, low, high = ([float(point[field]) for point in measured] for field in FIELDS)
    below = [v - a for v, a in zip(value, low, strict=True)]
    above = [b - v for v, b in zip(value, high, strict=True)]
    axes.errorbar(
        rows, value, [below, above], fmt="o", color=INK, ecolor=GRAY, ms=5.5, label="measured"
    )


def _floor(axes: Axes, forecast: Mapping[str, Any]) -> None:
    floor = forecast["noise_floor"]["value"]
    if floor:
        label = f"floor of the fitted law, {number(floor)}"
        axes.axhline(floor, color=GREEN, lw=1.3, ls="--", label=label)


def _ticks(first: float, last: float) -> list[float]:
    steps = [lead * 10.0**power for power in range(1, 9) for lead in (1, 3)]
    return [step for step in steps if first <= step <= last]


def _table(forecast: Mapping[str, Any]) -> str:
    parts = (("measured", forecast["measured"]), ("forecast", forecast["band"]))
    rows = [(name, *(point[field] for field in FIELDS)) for name, part in parts for point in part]
    return csv_text(("part", *FIELDS), rows)


def _caption(forecast: Mapping[str, Any]) -> str:
    return (
        f"{forecast['sentence']} Dots are measured, with one standard error to each side; the "
        f"shaded part was not measured. Beyond {number(forecast['most_rows'])} rows nothing is "
        "said."
    )
