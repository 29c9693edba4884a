"""Error against training time: one method's points and the curves of what it competes with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    VERMILION,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.wording import number

Part = Literal["ours", "baseline", "reference"]

STYLES: dict[Part, tuple[str, str]] = {
    "ours": (BLUE, "D"),
    "baseline": (VERMILION, "o"),
    "reference": (GRAY, "s"),
}
SHORTEST_SECONDS = 1e-3


@dataclass(frozen=True)
class TimedErrors:
    """One competitor: ``points`` are (seconds since its start, error), in order of time.

    ``ours`` is drawn as steps of the best so far, ``baseline`` as its curve, ``reference`` as a
    level. ``tuning_seconds`` came before the curve; a bar on the right shows where it ends then.
    Several runs may have one name: the legend tells the best of them.
    """

    name: str
    part: Part
    points: tuple[tuple[float, float], ...]
    tuning_seconds: float = 0.0


def error_against_time(
    competitors: Sequence[TimedErrors], *, metric: str, rows: str, unit: str = ""
) -> Plot:
    """Validation or test error over seconds of training, lower left is better.

    Parameters
    ----------
    competitors : each with one point at least
    metric : name of the error, such as ``rmse``
    rows : what it was measured on, such as ``validation rows``
    unit : of the metric
    """
    if not competitors or not all(competitor.points for competitor in competitors):
        raise ScienceError("every competitor needs a point to draw")
    name = metric.replace("_", " ") + (f" ({unit})" if unit else "")
    with look():
        figure, axes = new_axes(
            f"Error against training time, on {rows}", "seconds (log scale)", name
        )
        axes.grid(axis="y")
        axes.set_xscale("log")
        last = max(_end(competitor) for competitor in competitors)
        for competitor in competitors:
            _draw(axes, competitor, last, _label(competitor, competitors))
        first = min(_seconds(c.points[0][0]) for c in competitors)
        axes.set_xlim(first / 1.6, last * 1.6)
        _zoom(axes, competitors)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_formatter(plain_numbers())
        figure.legend(loc="outside lower center", ncols=2)
        table = csv_text(
            ("name", "part", "seconds", metric, "tuning_seconds"),
            [
                (c.name, c.part, seconds, error, c.tuning_seconds)
                for c in competitors
                for seconds, error in c.points
            ],
        )
        return finish("error_against_time", figure, table, _caption(competitors, metric, rows))


def _label(competitor: TimedErrors, competitors: Sequence[TimedErrors]) -> str | None:
    """What the legend says of it; nothing where another run of its name is better."""
    runs = [c for c in competitors if c.name == competitor.name]
    best = min(runs, key=lambda c: min(error for _, error in c.points))
    if competitor is not best:
        return None
    error, seconds = min(error for _, error in best.points), best.points[-1][0]
    many = f", best of {len(runs)}" if len(runs) > 1 else ""
    return f"{best.name}{many}: {number(error)} in {number(_seconds(seconds), 2)} s"


def _draw(axes: Axes, competitor: TimedErrors, last: float, label: str | None) -> None:
    color, marker = STYLES[competitor.part]
    seconds = [_seconds(point[0]) for point in competitor.points]
    errors = [point[1] for point in competitor.points]
    best = min(errors)
    if competitor.part == "baseline":
        axes.plot(seconds, errors, color=color, lw=1.8, label=label)
        axes.plot([seconds[errors.index(best)]], [best], marker, color=color, ms=7)
    else:
        so_far = [min(errors[: i + 1]) for i in range(len(errors))]
        dashes = "--" if competitor.part == "reference" else "-"
        axes.step([*seconds, last], [*so_far, best], color, where="post", ls=dashes, lw=1.4)
        axes.plot(seconds[:-1], so_far[:-1], marker, color=color, ms=5, zorder=4)
        size = 10 if competitor.part == "ours" else 7
        axes.plot(seconds[-1:], so_far[-1:], marker, color=color, ms=size, label=label, zorder=4)
    if competitor.tuning_seconds:
        _draw_tuning(axes, competitor, best)


def _draw_tuning(axes: Axes, competitor: TimedErrors, best: float) -> None:
    color, marker = STYLES[competitor.part]
    end = _end(competitor)
    axes.plot([_seconds(competitor.points[-1][0]), end], [best, best], color=color, lw=1.2, ls=":")
    label = f"{competitor.name} with tuning: {number(end, 2)} s"
    axes.plot([end], [best], marker, color=color, mfc="white", mew=1.8, ms=8, label=label)


def _zoom(axes: Axes, competitors: Sequence[TimedErrors]) -> None:
    """Leave the first epochs' height out where it would flatten everything else."""
    bests = [min(error for _, error in c.points) for c in competitors]
    highest = max(error for c in competitors for _, error in c.points)
    low, spread = min(bests), max(max(bests) - min(bests), 0.05 * abs(min(bests)))
    axes.set_ylim(low - 0.25 * spread, min(highest + 0.1 * spread, low + 2.5 * spread))


def _seconds(value: float) -> float:
    return max(value, SHORTEST_SECONDS)


def _end(competitor: TimedErrors) -> float:
    return _seconds(competitor.points[-1][0] + competitor.tuning_seconds)


def _caption(competitors: Sequence[TimedErrors], metric: str, rows: str) -> str:
    best = min(competitors, key=lambda c: min(error for _, error in c.points))
    value = min(error for _, error in best.points)
    return (
        f"Lower and further left is better. The lowest {metric.replace('_', ' ')} on {rows}, "
        f"{number(value)}, is from {best.name}. Hollow marks include tuning."
    )
