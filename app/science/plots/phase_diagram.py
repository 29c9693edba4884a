"""The phase diagram of methods: smoothness of the pieces against that of the jump's surface.

Both boundaries that Imaizumi and Fukumizu 2022 print are drawn, for the data's dimension.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from app.science.linalg import Floats
from app.science.plots.plot import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    VERMILION,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
)
from app.science.structure.phase_diagram import corollary_boundary, introduction_boundary
from app.science.wording import number

B_AXIS, TOP, LANE = (0.4, 2.2), 4.0, 0.7
"""Range of the pieces' smoothness, end of the surface's, and height of the lane above it."""
FAR = 1e3
Ends = Mapping[str, float]


def phase_diagram(report: Mapping[str, Any]) -> Plot:
    """Regions, boundaries, and the data's point with its interval.

    Parameters
    ----------
    report : smoothness report JSON; reads ``phase`` and ``verdict``
    """
    phase = report["phase"]
    d = float(phase["dimension"]["value"])
    b = np.linspace(*B_AXIS, 181)
    edges = (corollary_boundary(b, d), introduction_boundary(b, d).clip(max=FAR))
    with look():
        figure, axes = new_axes(
            f"Which methods can reach the best rate (dimension {number(d)})",
            "smoothness of the pieces",
            "smoothness of the jump's surface",
        )
        _regions(axes, b, edges)
        _data(axes, phase)
        axes.set_xlim(*B_AXIS)
        axes.set_ylim(0.4, TOP + LANE)
        axes.set_xticks([0.5, 1.0, 1.5, 2.0])
        axes.set_yticks([1, 2, 3, 4])
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
        table = csv_text(
            ("smoothness", "corollary_20", "introduction"), zip(b, *edges, strict=True)
        )
        return finish("phase_diagram", figure, table, _caption(report))


def _regions(axes: Axes, b: Floats, edges: tuple[Floats, Floats]) -> None:
    lower, upper = (edge.clip(max=TOP) for edge in edges)
    fills = (
        (np.zeros_like(b), lower, ORANGE, 0.30, "kernels slower, jump\nlimits networks"),
        (lower, upper, ORANGE, 0.12, "kernels slower, pieces\nlimit networks"),
        (upper, np.full_like(b, TOP), GRAY, 0.10, "no gap proved"),
        (np.full_like(b, TOP), np.full_like(b, TOP + LANE), GREEN, 0.14, "no jump: same rate"),
    )
    for bottom, top, color, alpha, label in fills:
        axes.fill_between(b, bottom, top, color=color, alpha=alpha, lw=0, label=label)
    names = {"corollary 20": "--", "introduction": "-"}
    for edge, (name, style) in zip(edges, names.items(), strict=True):
        shown = np.where(edge <= TOP, edge, np.nan)
        axes.plot(b, shown, color=VERMILION, lw=1.8, ls=style, label=f"boundary: {name}")


def _data(axes: Axes, phase: Mapping[str, Any]) -> None:
    """One point; two hollow ones, with and without a jump, where the side is open."""
    b, a, side = phase["smoothness"], phase["boundary_smoothness"], phase["side"]
    if a is not None:
        label = "the data" if side == "jump" else "the data, if they jump"
        _point(axes, b, a, side, label)
    if side != "jump":
        middle = TOP + LANE / 2.0
        lane = {"value": middle, "low": middle, "high": middle}
        _point(axes, b, lane, side, "the data" if side == "smooth" else "if they do not")


def _point(axes: Axes, b: Ends, a: Ends, side: str, label: str) -> None:
    axes.errorbar(
        [b["value"]],
        [a["value"]],
        xerr=_reach(b),
        yerr=_reach(a) if a["high"] > a["low"] else None,
        fmt="s" if label.startswith("if") else "o",
        label=label,
        color=BLUE,
        mfc="white" if side == "undecided" else BLUE,
        ms=8,
        capsize=4,
        lw=1.6,
        zorder=5,
    )


def _reach(ends: Ends) -> list[list[float]]:
    """Lengths to the left and to the right of the value."""
    return [[ends["value"] - ends["low"]], [ends["high"] - ends["value"]]]


def _caption(report: Mapping[str, Any]) -> str:
    phase, verdict = report["phase"], report["verdict"]
    family: str = phase["best_family"]
    first = f"Verdict: {verdict['side']}, confidence {verdict['confidence']}. "
    told = (
        ""
        if phase["boundary_smoothness"] is None
        else "How smooth the surface of a jump is cannot be read from rows; 1 to 2 is assumed. "
    )
    return (
        f"{first}{family[0].upper()}{family[1:]}. {told}The paper prints two boundaries: below the "
        "solid one linear estimators are slower, below the dashed one the jump limits networks too."
    )
