"""The spectrum of the head's Hessian: how many of its directions the rows determine."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    VERMILION,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.wording import number

DECADES = 1e-5
"""Eigenvalues below this share of the largest scale are not drawn."""


def spectrum(comparison: Mapping[str, Any]) -> Plot:
    """Eigenvalues by rank in units of the level above which the rows decide.

    Parameters
    ----------
    comparison : loss-surface JSON; reads ``ours.head`` and ``sgd.head`` (eigenvalues, scale,
        effective_dimension, n_weights)
    """
    heads = {"ours": comparison["ours"]["head"], "SGD": comparison["sgd"]["head"]}
    values = {
        name: [value / head["scale"] for value in head["eigenvalues"]]
        for name, head in heads.items()
        if head["scale"] > 0.0
    }
    if not any(any(each) for each in values.values()):
        raise ScienceError("the heads have no eigenvalues to draw")
    with look():
        figure, axes = new_axes(
            "What the rows determine in the head",
            "rank of the direction (log scale)",
            "curvature / noise level (log scale)",
        )
        axes.grid()
        axes.set_xscale("log")
        axes.set_yscale("log")
        for (name, each), color in zip(values.items(), (BLUE, VERMILION), strict=False):
            _curve(axes, each, f"{name}: {_share(heads[name])}", color)
        axes.axhline(1.0, color="black", lw=1.0, ls=":")
        axes.xaxis.set_major_formatter(plain_numbers())
        axes.legend(loc="lower left")
        rows = [(n, i + 1, v) for n, each in values.items() for i, v in enumerate(each)]
        caption = (
            f"Of our head's weights the rows determine {_share(heads['ours'])}, of the SGD "
            f"network's {_share(heads['SGD'])}. Directions below the dotted line may as well be "
            "off by their own size."
        )
        return finish("spectrum", figure, csv_text(("network", "rank", "curvature"), rows), caption)


def _curve(axes: Axes, values: list[float], label: str, color: str) -> None:
    seen = [value for value in values if value > DECADES]
    axes.plot(range(1, len(seen) + 1), seen, color=color, lw=2.2, label=label)


def _share(head: Mapping[str, Any]) -> str:
    return f"{number(head['effective_dimension'])} of {number(head['n_weights'])} directions"
