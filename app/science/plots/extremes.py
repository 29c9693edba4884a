"""The rows whose neighborhoods have the lowest and the highest dimension, as small pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.science.errors import ScienceError
from app.science.plots.plot import Plot, csv_text, finish, look
from app.science.wording import number

ENDS = (("low", "lowest local dimension"), ("high", "highest local dimension"))
INCHES = 0.95
LONGEST_NAME = 12


@dataclass(frozen=True)
class Extreme:
    """One row of the dataset, its local dimension, and its class if it has one."""

    row: int
    value: float
    label: str | None
    picture: Any


def extremes(found: Mapping[str, Sequence[Extreme]], draw: Callable[[Axes, Any], None]) -> Plot:
    """A line of pictures for each end.

    Parameters
    ----------
    found : by ``low`` and ``high``
    draw : puts a picture into axes
    """
    n_columns = max((len(line) for line in found.values()), default=0)
    if not n_columns:
        raise ScienceError("there is nothing to show")
    with look():
        figure = Figure(figsize=(INCHES * n_columns, 3.4 * INCHES), layout="constrained")
        grid = figure.subplots(len(ENDS), n_columns, squeeze=False)
        for axes_of_line, (end, text) in zip(grid, ENDS, strict=True):
            axes_of_line[0].set_title(text, loc="left", fontsize=9, fontweight="bold")
            for axes in axes_of_line:
                axes.set_axis_off()
            for axes, one in zip(axes_of_line, found[end], strict=False):
                draw(axes, one.picture)
                name = "" if one.label is None else f"{one.label[:LONGEST_NAME]}\n"
                axes.text(
                    0.5, -0.04, f"{name}{number(one.value)}",
                    transform=axes.transAxes, ha="center", va="top", fontsize=7.5,
                )  # fmt: skip
        rows = [(end, e.row, e.value, e.label or "") for end, _ in ENDS for e in found[end]]
        caption = (
            "Below each: its class, if it has one, and how many directions its nearest neighbors "
            "lie in. Where that number is low, few things vary around it."
        )
        table = csv_text(("end", "row", "local_dimension", "class"), rows)
        return finish("extremes", figure, table, caption)
