"""Figures of an intrinsic-dimension report: the dimension by scale, and row by row."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PALE,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
)
from app.science.wording import number

CURVE_FIELDS = ("k", "raw", "cal", "cal_low", "cal_high")


def scale_curve(report: Mapping[str, Any]) -> Plot:
    """Dimension against the number of neighbors k: raw thin, calibrated bold with its band.

    Parameters
    ----------
    report : id-report JSON with ``recommended`` (value, low, high) and ``scale_curve``, a list
        of k, raw, cal, cal_low, cal_high; ``recommended.scale`` (k_min, k_max) is optional
    """
    curve: Sequence[Mapping[str, float]] = report["scale_curve"]
    if not curve:
        raise ScienceError("the report has no scale curve to draw")
    best = report["recommended"]
    columns = {field: [float(point[field]) for point in curve] for field in CURVE_FIELDS}
    with look():
        figure, axes = new_axes(
            "Intrinsic dimension by scale", "neighbors k (log scale)", "intrinsic dimension"
        )
        axes.grid(axis="y")
        _recommended(axes, best)
        k = columns["k"]
        axes.fill_between(k, columns["cal_low"], columns["cal_high"], color=BLUE, alpha=0.22, lw=0)
        axes.plot(k, columns["cal"], color=BLUE, lw=2.6, marker="o", ms=4.5, label="calibrated")
        axes.plot(k, columns["raw"], color=GRAY, lw=1.2, ls=(0, (4, 2)), label="raw")
        axes.set_xscale("log")
        axes.set_xticks(_ticks(k), minor=False)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.set_ylim(bottom=0.0, top=1.12 * max(columns["cal_high"] + [float(best["high"])]))
        axes.legend(loc="lower left", ncols=4, columnspacing=1.3)
        table = csv_text(CURVE_FIELDS, zip(*columns.values(), strict=True))
        return finish("scale_curve", figure, table, _curve_caption(best))


def local_dimension(report: Mapping[str, Any]) -> Plot:
    """Histogram of the dimension around single rows.

    Parameters
    ----------
    report : id-report JSON; reads ``local`` (k, histogram: edges and counts, quantiles) and
        ``recommended``
    """
    local = report["local"]
    edges = [float(edge) for edge in local["histogram"]["edges"]]
    counts = [int(count) for count in local["histogram"]["counts"]]
    if len(edges) != len(counts) + 1 or not counts:
        raise ScienceError("a histogram has one edge more than it has counts")
    quantiles = {str(share): float(value) for share, value in local["quantiles"].items()}
    with look():
        figure, axes = new_axes(
            "Local dimension of the rows",
            f"dimension around a row, from its {local['k']} nearest neighbors",
            "rows",
        )
        axes.grid(axis="y")
        axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
        axes.axvspan(quantiles["25"], quantiles["75"], color=ORANGE, alpha=0.18, lw=0, zorder=0)
        label = f"median {number(quantiles['50'])}, middle half shaded"
        axes.axvline(quantiles["50"], color=ORANGE, lw=2.2, label=label)
        value = float(report["recommended"]["value"])
        axes.axvline(value, color=GREEN, lw=2.2, ls="--", label=f"whole table {number(value)}")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(top=1.2 * max(counts))
        axes.legend(loc="upper right")
        caption = (
            f"Half of the rows lie between {number(quantiles['25'])} and "
            f"{number(quantiles['75'])}; local values are raw, the one of the whole table is "
            "calibrated. Separate humps suggest parts of different dimension."
        )
        table = csv_text(("from", "to", "rows"), zip(edges[:-1], edges[1:], counts, strict=True))
        return finish("local_dimension", figure, table, caption)


def _recommended(axes: Axes, best: Mapping[str, Any]) -> None:
    low, high, value = (float(best[field]) for field in ("low", "high", "value"))
    label = f"recommended {number(value)} ({number(low)} to {number(high)})"
    axes.axhspan(low, high, color=GREEN, alpha=0.16, lw=0, zorder=0, label=label)
    axes.axhline(value, color=GREEN, lw=1.4, zorder=1)
    scale = best.get("scale")
    if scale:
        k_min, k_max = float(scale["k_min"]), float(scale["k_max"])
        axes.axvspan(k_min, k_max, color=PALE, alpha=0.55, lw=0, zorder=-1, label="scales used")


def _ticks(k: Sequence[float]) -> list[float]:
    """Round numbers inside the range of k."""
    steps = [m * 10.0**e for e in range(7) for m in (1, 2, 5)]
    return [step for step in steps if min(k) <= step <= max(k)]


def _curve_caption(best: Mapping[str, Any]) -> str:
    low, high, value = (number(float(best[field])) for field in ("low", "high", "value"))
    return (
        f"About {value} numbers describe one row (interval {low} to {high}). Small k looks "
        "closely and sees noise first; large k sees curvature. A flat stretch is trustworthy."
    )
