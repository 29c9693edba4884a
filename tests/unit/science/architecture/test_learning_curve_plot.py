"""The figure of a forecast."""

import csv
import io
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from app.science.architecture.forecast import Interval, forecast
from app.science.architecture.learning_curve import LearningCurve
from app.science.errors import ScienceError
from app.science.plots.learning_curve import learning_curve

SIZES = np.array([250, 500, 1000, 2000, 4000, 8000])
LOSSES = 0.05 + 5.0 * SIZES**-0.5
CURVE = LearningCurve("regression", SIZES, LOSSES, np.diag(1e-4 * LOSSES**2), 10_000, "laplace")
DOCUMENT = forecast(CURVE, Interval(4.0, 3.0, 5.0)).to_json()


def test_the_figure_is_valid_and_the_same_every_time() -> None:
    first, again = (learning_curve(DOCUMENT) for _ in range(2))

    assert first.name == "learning_curve"
    assert first == again
    assert Xml.fromstring(first.svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (ours)


def test_measured_and_forecast_points_stand_in_the_table() -> None:
    table = list(csv.DictReader(io.StringIO(learning_curve(DOCUMENT).csv)))

    assert [float(r["rows"]) for r in table if r["part"] == "measured"] == SIZES.tolist()
    assert float(table[-1]["rows"]) == 80_000
    assert DOCUMENT["sentence"] in learning_curve(DOCUMENT).caption


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ScienceError):
        learning_curve({**DOCUMENT, "measured": []})
