"""What every figure shares: its look, and its rendering to the same bytes each time."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from app.science.wording import number

# Okabe and Ito's palette: distinct under every common color blindness.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
INK, GRAY, PALE = "#222222", "#6B6B6B", "#E3E3E3"

WIDE_INCHES, SQUARE_INCHES, PNG_DPI = (7.2, 4.3), (5.8, 4.7), 160

STYLE: Any = {  # mypy wants every key's literal type otherwise
    "svg.hashsalt": "adaptnet",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRAY,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


@dataclass(frozen=True)
class Plot:
    """One figure in three forms, and the sentence that goes below it."""

    name: str
    svg: bytes
    csv: str
    caption: str
    figure: Figure = field(repr=False, compare=False)

    @property
    def png(self) -> bytes:
        """Rendered when asked for: reports carry the SVG."""
        png = io.BytesIO()
        with look():
            self.figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": "adaptnet"})
        return png.getvalue()


def new_axes(
    title: str, x_label: str, y_label: str, *, size: tuple[float, float] = WIDE_INCHES
) -> tuple[Figure, Axes]:
    """An empty figure in the common look, ``size`` in inches; call inside ``look()``."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12.5, fontweight="bold", pad=12)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def look() -> Any:  # noqa: ANN401 (matplotlib has no type for it)
    """Context in which figures are made and rendered."""
    return mpl.rc_context(STYLE)


def finish(name: str, figure: Figure, table: str, caption: str) -> Plot:
    """Render a figure; equal figures give equal bytes."""
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": "adaptnet"})
    return Plot(name, svg.getvalue(), table, caption, figure)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The numbers behind a figure; floats keep 8 digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def plain_numbers() -> FuncFormatter:
    """Tick labels as ``number`` writes them."""
    return FuncFormatter(lambda value, _: number(value))


def _cell(value: Any) -> Any:  # noqa: ANN401 (a cell is a cell)
    return f"{value:.8g}" if isinstance(value, float) else value
