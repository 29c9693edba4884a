"""The head's risk over its width: the peak without a penalty, and the tuned curve without one."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    GREEN,
    PALE,
    VERMILION,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.structure.double_descent import PEAK_HIGH, PEAK_LOW
from app.science.wording import number

TICKS = (0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
COLUMNS = ("risk", "standard_error", "predicted", "noise_gain", "effective_dof")


def double_descent(curve: Mapping[str, Any]) -> Plot:
    """Held-out risk against features over rows, both logarithmic, beside its prediction.

    Parameters
    ----------
    curve : double-descent JSON with ``points`` (width, ratio and the heads ``ridgeless`` and
        ``tuned``), ``enough_width``, ``threshold``, ``n_fit`` and ``peak_factor``
    """
    points: Sequence[Mapping[str, Any]] = curve["points"]
    if not points:
        raise ScienceError("the curve has no points to draw")
    with look():
        figure, axes = new_axes(
            "Error of the head by its width", "features / rows (log scale)", "held-out risk"
        )
        axes.grid(axis="y")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axvspan(PEAK_LOW, PEAK_HIGH, color=PALE, alpha=0.55, lw=0, zorder=-1)
        axes.axvline(1.0, color=GRAY, lw=1.0, ls=":")
        _head(axes, points, "ridgeless", ("without a penalty", VERMILION))
        _head(axes, points, "tuned", ("penalty tuned, as we train", BLUE))
        enough = curve["enough_width"] / curve["threshold"]
        if enough <= points[-1]["ratio"]:
            label = f"3 df = {number(curve['enough_width'])} features"
            axes.axvline(enough, color=GREEN, lw=1.6, ls="--", label=label)
        axes.set_xticks([tick for tick in TICKS if tick <= points[-1]["ratio"]])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(plain_numbers())
        axes.yaxis.set_major_formatter(plain_numbers())
        figure.legend(loc="outside lower center", ncols=2)
        return finish("double_descent", figure, _table(points), _caption(curve))


def _head(
    axes: Axes, points: Sequence[Mapping[str, Any]], name: str, style: tuple[str, str]
) -> None:
    label, color = style
    ratios = [float(point["ratio"]) for point in points]
    risks = [float(point[name]["risk"]) for point in points]
    errors = [2.0 * float(point[name]["standard_error"]) for point in points]
    low = [max(r - e, 0.2 * r) for r, e in zip(risks, errors, strict=True)]
    high = [r + e for r, e in zip(risks, errors, strict=True)]
    axes.fill_between(ratios, low, high, color=color, alpha=0.2, lw=0)
    axes.plot(ratios, risks, color=color, lw=2.2, marker="o", ms=4.5, label=label)
    predicted = [(p["ratio"], p[name]["predicted"]) for p in points if p[name]["predicted"]]
    foretold = f"predicted from fit rows, {label.split(',')[0]}"
    across, up = [ratio for ratio, _ in predicted], [risk for _, risk in predicted]
    axes.plot(across, up, color=color, lw=1.1, ls=(0, (3, 2)), label=foretold)


def _table(points: Sequence[Mapping[str, Any]]) -> str:
    heads = ("ridgeless", "tuned")
    header = ("width", "ratio", *(f"{head}_{column}" for head in heads for column in COLUMNS))
    rows = [
        (point["width"], point["ratio"], *(point[head][c] for head in heads for c in COLUMNS))
        for point in points
    ]
    return csv_text(header, rows)


def _caption(curve: Mapping[str, Any]) -> str:
    return (
        f"Risk is the squared error over the target's variance, fitted on {curve['n_fit']:,} rows "
        f"and measured on held-out ones; bands are two standard errors. Where features are as "
        f"many as rows, a head without a penalty is {number(curve['peak_factor'])} times worse "
        "than the best one. Ours is always tuned, so it has no peak."
    )
