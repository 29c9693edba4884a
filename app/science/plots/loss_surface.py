"""Our network's neighborhood on the loss surface beside the one of the SGD network."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    VERMILION,
    WIDE_INCHES,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
)

ROW_INCHES = 0.42


def loss_surface(comparison: Mapping[str, Any]) -> Plot:
    """One line a quantity, both networks on one logarithmic axis.

    Parameters
    ----------
    comparison : loss-surface JSON with ``lines`` (name, ours, sgd), ``sentence`` and ``caution``
    """
    lines: Sequence[Mapping[str, Any]] = comparison["lines"]
    drawn = [line for line in lines if line["ours"] > 0.0 and line["sgd"] > 0.0]
    if not drawn:
        raise ScienceError("the comparison has no positive quantities to draw")
    with look():
        size = (WIDE_INCHES[0], 1.8 + ROW_INCHES * len(drawn))
        figure, axes = new_axes(
            "Around both networks on the loss surface", "value (log scale)", "", size=size
        )
        axes.grid(axis="x")
        axes.set_xscale("log")
        for height, line in enumerate(reversed(drawn)):
            ours, sgd = float(line["ours"]), float(line["sgd"])
            axes.plot([ours, sgd], [height, height], color=GRAY, lw=1.0, zorder=1)
            first = height == 0
            axes.plot([ours], [height], "D", color=BLUE, ms=8, label="ours" if first else None)
            axes.plot([sgd], [height], "o", color=VERMILION, ms=8, label="SGD" if first else None)
        labels = [
            f"{line['name']}\n{line['ours']:.3g} | {line['sgd']:.3g}" for line in reversed(drawn)
        ]
        axes.set_yticks(range(len(drawn)), labels, fontsize=8.5, linespacing=1.3)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(drawn) - 0.4)
        figure.legend(loc="outside lower center", ncols=2)
        table = csv_text(
            ("name", "ours", "sgd", "ratio"),
            [(line["name"], line["ours"], line["sgd"], line["ratio"]) for line in lines],
        )
        caption = f"{comparison['sentence']} {comparison['caution']}"
        return finish("loss_surface", figure, table, caption)
