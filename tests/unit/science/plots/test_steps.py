import csv
import io
from xml.etree import ElementTree as Xml

import pytest

from app.science.errors import ScienceError
from app.science.plots.steps import LossStep, loss_by_step

STEPS = (
    LossStep("ridge", 0.98, reference=True),
    LossStep("teacher", 0.31),
    LossStep("level set", 0.305, accepted=False),
    LossStep("boosted trees", 0.27),
    LossStep("fine-tuned", 0.28, accepted=False),
)


def test_the_figure_is_valid_and_the_same_every_time() -> None:
    first, again = (loss_by_step(STEPS, unit="nats") for _ in range(2))

    assert first.name == "loss_by_step"
    assert first == again
    assert Xml.fromstring(first.svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (ours)


def test_every_step_stands_in_the_table_in_order() -> None:
    table = list(csv.DictReader(io.StringIO(loss_by_step(STEPS, unit="nats").csv)))

    assert [row["step"] for row in table] == [step.name for step in STEPS]
    assert table[2] == {"step": "level set", "loss": "0.305", "accepted": "False"}


def test_the_caption_ends_at_the_last_step_that_was_kept() -> None:
    caption = loss_by_step(STEPS, unit="nats").caption

    assert "From 0.98 (ridge) to 0.27 (boosted trees), in nats." in caption


def test_a_loss_of_zero_still_draws() -> None:
    assert loss_by_step([LossStep("teacher", 0.0)], unit="nats").png


def test_nothing_kept_and_nothing_to_draw_are_errors() -> None:
    for steps in ((), STEPS[2:3]):
        with pytest.raises(ScienceError):
            loss_by_step(steps, unit="nats")
