"""The figures of the head: risk over width, both loss surfaces, the spectrum."""

import csv
import io
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from app.science.errors import ScienceError
from app.science.plots.double_descent import double_descent as draw_curve
from app.science.plots.loss_surface import loss_surface
from app.science.plots.plot import Plot
from app.science.plots.spectrum import spectrum
from app.science.structure.double_descent import double_descent
from app.science.structure.loss_surface.report import compare, measure
from tests.unit.science.structure.loss_surface import networks


@pytest.fixture(scope="module")
def curve() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 4))
    features = np.maximum(rows @ rng.normal(size=(4, 240)), 0.0)
    return double_descent(features, rows[:, 0] + rng.normal(size=300), fit_rows=60).to_json()


@pytest.fixture(scope="module")
def comparison() -> dict[str, Any]:
    sample = networks.sample()
    ours, sgd = (
        measure(networks.mlp(networks.layers([3, width, 1])), sample.X, sample.y, unit=sample.unit)
        for width in (6, 12)
    )
    return compare(ours, sgd).to_json()


def table(plot: Plot) -> list[dict[str, str]]:
    assert Xml.fromstring(plot.svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (ours)
    assert plot.png
    return list(csv.DictReader(io.StringIO(plot.csv)))


def test_the_curve_and_its_numbers(curve: dict[str, Any]) -> None:
    plot = draw_curve(curve)

    rows = table(plot)
    assert plot == draw_curve(curve)
    assert [int(row["width"]) for row in rows] == [point["width"] for point in curve["points"]]
    assert float(rows[0]["tuned_risk"]) == pytest.approx(curve["points"][0]["tuned"]["risk"])
    assert "Ours is always tuned" in plot.caption


def test_a_curve_without_any_prediction_still_draws(curve: dict[str, Any]) -> None:
    blind = [
        {**point, "ridgeless": {**point["ridgeless"], "predicted": None}}
        for point in curve["points"]
    ]

    assert table(draw_curve({**curve, "points": blind}))


def test_both_surfaces_on_one_axis(comparison: dict[str, Any]) -> None:
    plot = loss_surface(comparison)

    rows = table(plot)
    assert [row["name"] for row in rows] == [line["name"] for line in comparison["lines"]]
    assert plot.caption.startswith(comparison["sentence"])


def test_the_spectrum_of_both_heads(comparison: dict[str, Any]) -> None:
    plot = spectrum(comparison)

    ours = [float(row["curvature"]) for row in table(plot) if row["network"] == "ours"]
    head = comparison["ours"]["head"]
    assert ours[0] == pytest.approx(head["eigenvalues"][0] / head["scale"])
    assert ours == sorted(ours, reverse=True)
    assert "of 6 directions" in plot.caption


def test_nothing_to_draw_is_an_error(curve: dict[str, Any], comparison: dict[str, Any]) -> None:
    flat = {**comparison["ours"], "head": {**comparison["ours"]["head"], "eigenvalues": [0.0]}}

    with pytest.raises(ScienceError):
        draw_curve({**curve, "points": []})
    with pytest.raises(ScienceError):
        loss_surface({**comparison, "lines": []})
    with pytest.raises(ScienceError):
        spectrum({"ours": flat, "sgd": flat})
