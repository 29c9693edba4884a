"""Figures of the sample: the covering curve, and the dimension that fewer rows would show."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import NullLocator

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    GREEN,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.wording import number


def covering_curve(report: Mapping[str, Any]) -> Plot:
    """Balls that cover the rows against their radius, beside the slope of the answer.

    Parameters
    ----------
    report : id-report JSON; reads ``minkowski`` (curve: eps and packing, resolvable, value) and
        ``recommended``
    """
    found = report["minkowski"]
    points: Sequence[Mapping[str, float]] = found["curve"]
    if len(points) < 2:
        raise ScienceError("the report has no covering curve to draw")
    inverse = [1 / float(point["eps"]) for point in points]
    counts = [int(point["packing"]) for point in points]
    d = float(report["recommended"]["value"])
    with look():
        figure, axes = new_axes(
            "Covering the rows with balls", "1 / radius (log scale)", "balls (log scale)"
        )
        axes.grid()
        steep = [counts[0] * (x / inverse[0]) ** d for x in inverse]
        label = f"slope {number(d)}, the recommended dimension"
        axes.plot(inverse, steep, color=GREEN, lw=1.8, ls="--", label=label)
        axes.plot(inverse, counts, color=BLUE, lw=2.4, marker="o", ms=5, label="greedy covering")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(0.7 * counts[0], 2.0 * counts[-1])
        axes.set_xticks([inverse[0], inverse[len(inverse) // 2], inverse[-1]])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(plain_numbers())
        axes.yaxis.set_major_formatter(plain_numbers())
        axes.legend(loc="upper left")
        verdict = (
            f"the slope is {number(float(found['value']))}"
            if found["resolvable"]
            else "these rows are too few for the slope to be the dimension"
        )
        caption = (
            "The Minkowski dimension is the slope where balls are small; " + verdict + ". "
            "Large balls see the outline only, so the curve starts flat."
        )
        table = csv_text(("inverse_radius", "balls"), zip(inverse, counts, strict=True))
        return finish("covering_curve", figure, table, caption)


def dimension_by_rows(report: Mapping[str, Any]) -> Plot:
    """The dimension among ever more of the rows, raw and calibrated.

    Parameters
    ----------
    report : id-report JSON; reads ``by_sample_size``, a list of n, raw, value, low, high, and
        ``recommended``
    """
    sizes: Sequence[Mapping[str, float]] = report["by_sample_size"]
    if not sizes:
        raise ScienceError("the report has no sample sizes to draw")
    fields = ("n", "raw", "value", "low", "high")
    columns = {field: [float(size[field]) for size in sizes] for field in fields}
    answer = float(report["recommended"]["value"])
    with look():
        figure, axes = new_axes("Dimension by number of rows", "rows (log scale)", "dimension")
        axes.grid(axis="y")
        n = columns["n"]
        axes.axhline(answer, color=GREEN, lw=1.4, label=f"recommended {number(answer)}")
        axes.fill_between(n, columns["low"], columns["high"], color=BLUE, alpha=0.22, lw=0)
        axes.plot(n, columns["value"], color=BLUE, lw=2.4, marker="o", ms=5, label="calibrated")
        axes.plot(n, columns["raw"], color=GRAY, lw=1.2, ls=(0, (4, 2)), label="raw, k = 10")
        axes.set_xscale("log")
        axes.set_xticks(n, minor=False)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(plain_numbers())
        axes.set_ylim(bottom=0.0, top=1.15 * max(*columns["high"], answer))
        axes.legend(loc="lower right", ncols=3)
        change = columns["value"][-1] / columns["value"][0] - 1
        caption = (
            f"From {number(n[0])} to {number(n[-1])} rows the calibrated value changes by "
            f"{change:+.0%}. A line that still climbs asks for more rows; one that falls hints at "
            "curvature that fewer rows could not resolve."
        )
        table = csv_text(fields, zip(*columns.values(), strict=True))
        return finish("dimension_by_rows", figure, table, caption)
