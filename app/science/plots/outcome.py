"""Predictions against the truth on held-out rows: a scatter for numbers, a table for classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    INK,
    SQUARE_INCHES,
    VERMILION,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.wording import number

MAX_DOTS = 2000
MAX_CSV_ROWS = 10_000
MAX_NUMBERED_CLASSES = 12
MAX_NAMED_CLASSES = 30
LONGEST_NAME = 18


def parity(y: NDArray[np.float64], prediction: NDArray[np.float64], *, unit: str = "") -> Plot:
    """Prediction over truth, both (n,) in the target's unit; perfect rows lie on the diagonal.

    Up to 2,000 rows are dots, more are hexagons colored by their number of rows.
    """
    if not len(y):
        raise ScienceError("there are no rows to draw")
    suffix = f" ({unit})" if unit else ""
    rmse = float(np.sqrt(np.mean((prediction - y) ** 2)))
    low, high = _window(y, prediction)
    outside = int(np.sum((np.minimum(y, prediction) < low) | (np.maximum(y, prediction) > high)))
    with look():
        labels = ("Prediction against truth", "truth" + suffix, "prediction" + suffix)
        figure, axes = new_axes(*labels, size=SQUARE_INCHES)
        figure.set_layout_engine("compressed")
        axes.grid()
        _cloud(axes, y, prediction, (low, high))
        axes.plot([low, high], [low, high], color=VERMILION, lw=1.6, label="perfect")
        axes.set(xlim=(low, high), ylim=(low, high), box_aspect=1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
            axis.set_major_formatter(plain_numbers())
        axes.legend(loc="upper left", title=f"rmse {number(rmse)}", alignment="left")
        caption = f"{len(y):,} held-out rows, rmse {number(rmse)}{' ' + unit if unit else ''}." + (
            f" {outside:,} rows lie outside the window." if outside else ""
        )
        kept = np.linspace(0, len(y) - 1, min(len(y), MAX_CSV_ROWS)).astype(np.int64)
        pairs = zip(y[kept].tolist(), prediction[kept].tolist(), strict=True)
        return finish("parity", figure, csv_text(("truth", "prediction"), pairs), caption)


def confusion(y: NDArray[Any], predicted: NDArray[Any], classes: Sequence[str]) -> Plot:
    """Confusion matrix; a cell's color is its share of the true class, its number counts rows.

    Parameters
    ----------
    y, predicted : (n,), codes into ``classes``
    """
    if not len(y):
        raise ScienceError("there are no rows to draw")
    n = len(classes)
    counts = np.bincount(y * n + predicted, minlength=n * n).reshape(n, n)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with look():
        figure, axes = new_axes(
            "Confusion matrix", "predicted class", "true class", size=SQUARE_INCHES
        )
        image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        _class_ticks(axes, classes)
        if n <= MAX_NUMBERED_CLASSES:
            _cell_numbers(axes, counts, shares)
        figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.9)
        error_rate = float(np.mean(y != predicted))
        caption = (
            f"{len(y):,} held-out rows, error rate {number(error_rate)}; "
            "the diagonal holds the right answers."
        )
        cells = [
            (truth, guess, int(counts[i, j]))
            for i, truth in enumerate(classes)
            for j, guess in enumerate(classes)
            if counts[i, j]
        ]
        table = csv_text(("truth", "predicted", "rows"), cells)
        return finish("confusion", figure, table, caption)


def _window(y: NDArray[np.float64], prediction: NDArray[np.float64]) -> tuple[float, float]:
    """One range for both axes; the outermost 0.1 % of the rows may fall outside."""
    both = np.concatenate([y, prediction])
    low, high = np.quantile(both, [0.001, 0.999]) if len(y) > MAX_DOTS else (both.min(), both.max())
    margin = 0.04 * float(high - low) or 1.0
    return float(low) - margin, float(high) + margin


def _cloud(
    axes: Axes, y: NDArray[Any], prediction: NDArray[Any], window: tuple[float, float]
) -> None:
    if len(y) <= MAX_DOTS:
        axes.scatter(y, prediction, s=14, color=BLUE, alpha=0.45, lw=0)
        return
    extent = (*window, *window)
    hexagons = axes.hexbin(
        y,
        prediction,
        gridsize=50,
        extent=extent,
        norm=LogNorm(),
        mincnt=1,
        cmap="viridis_r",
        lw=0.1,
    )
    axes.figure.colorbar(hexagons, ax=axes, label="rows (log scale)", format=plain_numbers())


def _class_ticks(axes: Axes, classes: Sequence[str]) -> None:
    step = -(-len(classes) // MAX_NAMED_CLASSES)
    ticks = range(0, len(classes), step)
    names = [_short(classes[tick]) for tick in ticks]
    tilted = max(map(len, names)) > 4 and len(names) > 3
    size = 9.5 if len(names) <= MAX_NUMBERED_CLASSES else 7
    axes.set_xticks(ticks, names, rotation=40 if tilted else 0, ha="right" if tilted else "center")
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0, labelsize=size)
    axes.spines[:].set_visible(False)


def _cell_numbers(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    size = 10 if len(counts) <= 6 else 7.5
    for (i, j), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[i, j] > 0.55 else INK
            axes.text(j, i, f"{count:,}", ha="center", va="center", color=color, fontsize=size)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\u2026"
