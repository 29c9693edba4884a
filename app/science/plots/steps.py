"""What each step of training did to the held-out loss: one bar a step, refused ones hollow."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from app.science.errors import ScienceError
from app.science.plots.plot import (
    BLUE,
    GRAY,
    WIDE_INCHES,
    Plot,
    csv_text,
    finish,
    look,
    new_axes,
    plain_numbers,
)
from app.science.wording import number

MARGIN = 1.3
"""Length of the axis in longest bars: the numbers stand behind the bars."""


@dataclass(frozen=True)
class LossStep:
    """One step and the held-out loss with it; a refused step is in no model that follows.

    ``reference`` steps are models to compare with, not parts of the network.
    """

    name: str
    loss: float
    accepted: bool = True
    reference: bool = False


def loss_by_step(steps: Sequence[LossStep], *, unit: str) -> Plot:
    """Bars from the first step at the top to the last, shorter is better.

    Parameters
    ----------
    unit : of the losses, such as ``nats``
    """
    if not any(step.accepted for step in steps):
        raise ScienceError("there is no kept step to draw")
    height = 1.6 + 0.42 * len(steps)
    with look():
        figure, axes = new_axes(
            "What each step did to the held-out loss",
            f"loss on held-out rows ({unit})",
            "",
            size=(WIDE_INCHES[0], height),
        )
        axes.grid(axis="x")
        for place, step in enumerate(steps):
            _draw(axes, place, step)
        axes.set_yticks(range(len(steps)), [step.name for step in steps])
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlim(0.0, MARGIN * max(max(step.loss for step in steps), 1e-12))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(plain_numbers())
        table = csv_text(
            ("step", "loss", "accepted"), [(s.name, s.loss, s.accepted) for s in steps]
        )
        return finish("loss_by_step", figure, table, _caption(steps, unit))


def _draw(axes: Axes, place: int, step: LossStep) -> None:
    color = GRAY if step.reference else BLUE
    fill = color if step.accepted else "white"
    line = "-" if step.accepted else "--"
    axes.barh(place, step.loss, height=0.62, color=fill, edgecolor=color, linestyle=line)
    label = number(step.loss, 4) + ("" if step.accepted else ", refused")
    axes.annotate(
        label, (step.loss, place), (5, 0), textcoords="offset points", va="center", fontsize=9.5
    )


def _caption(steps: Sequence[LossStep], unit: str) -> str:
    first, last = steps[0], [step for step in steps if step.accepted][-1]
    return (
        f"Shorter is better. From {number(first.loss)} ({first.name}) to {number(last.loss)} "
        f"({last.name}), in {unit}. Hollow bars were tried and refused. These rows chose between "
        "the steps, so the loss on test rows is usually a little higher."
    )
