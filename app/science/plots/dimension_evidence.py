"""Figures behind a dimension: the TwoNN line, estimators side by side, local values by class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    WIDE_INCHES,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
)
from app.science.wording import number

_NAMES = {
    "two_nn": "TwoNN",
    "gride": "GRIDE(2, 4)",
    "l2n2": "L2N2",
    "ess": "angles (ESS)",
    "local_pca": "local PCA",
}
_CORE = ("ball", "sphere", "gauss", "cube")
_ROW_INCHES = 0.32
_FITTED_SHARE = 0.9


def two_nn_line(report: Mapping[str, Any]) -> Plot:
    """The ratios of the two nearest distances, which lie on a line of slope d.

    Parameters
    ----------
    report : id-report JSON with ``two_nn`` (log_mu, minus_log_1_minus_f)
    """
    across = np.array(report["two_nn"]["log_mu"])
    up = np.array(report["two_nn"]["minus_log_1_minus_f"])
    if len(across) < 2 or not across.any():
        raise ScienceError("the report has no ratios to draw")
    fitted = up <= -np.log(1 - _FITTED_SHARE)
    slope = float((across * up)[fitted].sum() / (across[fitted] ** 2).sum())
    with look():
        figure, axes = new_axes(
            "Ratios of the two nearest distances", "log(r2 / r1)", "-log(1 - F)"
        )
        axes.grid()
        axes.scatter(across[fitted], up[fitted], s=9, color=BLUE, label="rows")
        axes.scatter(across[~fitted], up[~fitted], s=9, color=GRAY, label="largest 10 %, not used")
        end = min(float(across[-1]), 1.15 * float(up[-1]) / slope)
        axes.plot([0, end], [0, slope * end], color=ORANGE, lw=2, label=f"slope {number(slope)}")
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="lower right")
        caption = (
            f"Under constant density the dots lie on a line whose slope, here {number(slope)}, is "
            "the raw dimension. Dots below the line at the right come from uneven density."
        )
        table = csv_text(("log_mu", "minus_log_1_minus_f"), zip(across, up, strict=True))
        return finish("two_nn_line", figure, table, caption)


def estimator_forest(report: Mapping[str, Any]) -> Plot:
    """Every estimator's value with its interval, above the recommended one.

    Parameters
    ----------
    report : id-report JSON; reads ``estimators`` and ``recommended``
    """
    best = report["recommended"]
    rows = [_forest_row(each) for each in report["estimators"]]
    rows.append(("recommended", float(best["value"]), float(best["low"]), float(best["high"])))
    with look():
        size = (WIDE_INCHES[0], 1.4 + _ROW_INCHES * len(rows))
        figure, axes = new_axes("Estimators side by side", "intrinsic dimension", "", size=size)
        axes.grid(axis="x")
        axes.axvspan(float(best["low"]), float(best["high"]), color=GREEN, alpha=0.14, lw=0)
        for height, (name, value, low, high) in enumerate(reversed(rows)):
            color = _forest_color(name)
            axes.plot([low, high], [height, height], color=color, lw=2.2)
            axes.plot([value], [height], color=color, marker="o", ms=6.5)
        axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(left=0.0)
        caption = (
            f"The answer is {number(rows[-1][1])}. Gray values are raw and read low at high "
            "dimension; blue ones are calibrated. Bars of raw values are two standard errors."
        )
        return finish(
            "estimator_forest", figure, csv_text(("name", "value", "low", "high"), rows), caption
        )


def local_by_class(report: Mapping[str, Any]) -> Plot:
    """The spread of the local dimension inside each class.

    Parameters
    ----------
    report : id-report JSON; reads ``local.by_class``, a list of label, n and quantiles
    """
    classes: Sequence[Mapping[str, Any]] = report["local"].get("by_class", [])
    if not classes:
        raise ScienceError("the report has no classes to draw")
    keys = ("5", "25", "50", "75", "95")
    rows = [(str(c["label"]), c["n"], *(float(c["quantiles"][k]) for k in keys)) for c in classes]
    with look():
        size = (WIDE_INCHES[0], 1.6 + _ROW_INCHES * len(rows))
        figure, axes = new_axes(
            "Local dimension by class", "raw dimension around a row", "", size=size
        )
        axes.grid(axis="x")
        for height, (_, _, q5, q25, q50, q75, q95) in enumerate(reversed(rows)):
            axes.plot([q5, q95], [height, height], color=BLUE, lw=1.4, solid_capstyle="butt")
            axes.plot([q25, q75], [height, height], color=BLUE, lw=8, alpha=0.5)
            axes.plot([q50], [height], color=ORANGE, marker="o", ms=6.5)
        axes.set_yticks(range(len(rows)), [name[:24] for name, *_ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(left=0.0)
        low, high = min(rows, key=lambda r: r[4]), max(rows, key=lambda r: r[4])
        caption = (
            f"Dot: median; thick: middle half; thin: 90 % of the rows. Lowest median "
            f"{number(low[4])} ({low[0]}), highest {number(high[4])} ({high[0]}); all are raw."
        )
        table = csv_text(("class", "rows", "q5", "q25", "median", "q75", "q95"), rows)
        return finish("local_by_class", figure, table, caption)


def _forest_row(each: Mapping[str, Any]) -> tuple[str, float, float, float]:
    raw, error = float(each["raw"]), 2 * float(each["stderr"])
    if each["calibrated"]:
        value = float(np.mean([each["calibrated"][name] for name in _CORE]))
        return f"calibrated, k = {each['k']}", value, float(each["low"]), float(each["high"])
    return f"{_NAMES.get(each['name'], each['name'])}, raw", raw, raw - error, raw + error


def _forest_color(name: str) -> str:
    if name == "recommended":
        return GREEN
    return BLUE if name.startswith("calibrated") else GRAY
