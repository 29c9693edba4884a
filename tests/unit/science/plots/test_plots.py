import csv
import doctest
import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from app.science.errors import ScienceError
from app.science.plots import plot
from app.science.plots.dimension import local_dimension, scale_curve
from app.science.plots.dimension_evidence import estimator_forest, local_by_class, two_nn_line
from app.science.plots.dimension_sample import covering_curve, dimension_by_rows
from app.science.plots.outcome import confusion, parity
from app.science.plots.plot import Plot
from app.science.plots.race import TimedErrors, error_against_time

REPORT: dict[str, Any] = {
    "recommended": {"value": 10.4, "low": 9.6, "high": 11.3, "scale": {"k_min": 2, "k_max": 8}},
    "scale_curve": [
        {"k": k, "p": 0.1, "raw": 8.0, "cal": 10.0, "cal_low": 9.0, "cal_high": 11.0}
        for k in (2, 5, 10, 50)
    ],
    "local": {
        "k": 20,
        "quantiles": {"5": 4.0, "25": 8.0, "50": 9.0, "75": 10.0, "95": 13.0},
        "histogram": {"edges": [4.0, 8.0, 10.0, 14.0], "counts": [10, 30, 5]},
        "by_class": [
            {"label": name, "n": 20, "quantiles": {"5": 3, "25": 5, "50": 6, "75": 7, "95": 9}}
            for name in ("a", "a class whose name is far too long for any axis")
        ],
    },
    "two_nn": {"log_mu": [0.0, 0.1, 0.2, 0.9], "minus_log_1_minus_f": [0.1, 1.0, 2.0, 6.0]},
    "estimators": [
        {
            "name": "mle", "k": 5, "raw": 8.0, "stderr": 0.1, "low": 9.0, "high": 11.0,
            "calibrated": {"ball": 9.5, "sphere": 10.0, "gauss": 10.0, "cube": 10.5},
        },
        {"name": "ess", "k": None, "raw": 9, "stderr": 0.1, "low": None, "high": None,
         "calibrated": None},
    ],
    "minkowski": {
        "value": None,
        "resolvable": False,
        "curve": [{"eps": 0.5, "packing": 8}, {"eps": 0.25, "packing": 64}],
    },
    "by_sample_size": [
        {"n": n, "raw": 8.0, "value": 10.0, "low": 9.0, "high": 11.0} for n in (100, 200)
    ],
}  # fmt: skip
COMPETITORS = (
    TimedErrors("motif mimicry", "ours", ((0.5, 0.5), (1.0, 0.4))),
    TimedErrors("Adam MLP", "baseline", ((0.2, 0.9), (1.5, 0.45), (4.0, 0.42)), 10.0),
    TimedErrors("ridge", "reference", ((0.0, 0.8),)),
)
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=2500)
CODES = RNG.integers(3, size=200)

DRAWN: dict[str, Callable[[], Plot]] = {
    "scale_curve": lambda: scale_curve(REPORT),
    "local_dimension": lambda: local_dimension(REPORT),
    "two_nn_line": lambda: two_nn_line(REPORT),
    "estimator_forest": lambda: estimator_forest(REPORT),
    "local_by_class": lambda: local_by_class(REPORT),
    "covering_curve": lambda: covering_curve(REPORT),
    "dimension_by_rows": lambda: dimension_by_rows(REPORT),
    "error_against_time": lambda: error_against_time(COMPETITORS, metric="rmse", rows="test rows"),
    "parity": lambda: parity(TRUTH, TRUTH + 0.1, unit="m"),
    "confusion": lambda: confusion(CODES, CODES[::-1], ("a", "b", "c")),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_valid_named_and_the_same_every_time(name: str) -> None:
    first, again = DRAWN[name](), DRAWN[name]()

    assert first.name == name
    assert first == again
    assert Xml.fromstring(first.svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (ours)
    assert b"<dc:date>" not in first.svg
    assert first.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert first.caption.endswith(".")


def rows(drawn: Plot) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(drawn.csv)))


def test_the_numbers_behind_the_figures_are_complete() -> None:
    curve = {"k": "50", "raw": "8", "cal": "10", "cal_low": "9", "cal_high": "11"}
    assert rows(DRAWN["scale_curve"]())[-1] == curve
    assert rows(DRAWN["local_dimension"]())[1] == {"from": "8", "to": "10", "rows": "30"}
    race = rows(DRAWN["error_against_time"]())
    assert len(race) == 6
    assert (race[4]["name"], race[4]["seconds"], race[4]["rmse"]) == ("Adam MLP", "4", "0.42")
    assert len(rows(DRAWN["parity"]())) == 2500
    assert sum(int(cell["rows"]) for cell in rows(DRAWN["confusion"]())) == 200


def test_the_forest_tells_raw_from_calibrated() -> None:
    names = [row["name"] for row in rows(DRAWN["estimator_forest"]())]

    assert names == ["calibrated, k = 5", "angles (ESS), raw", "recommended"]


def test_the_slope_leaves_the_largest_ratios_out() -> None:
    assert "here 10," in DRAWN["two_nn_line"]().caption


def test_the_race_names_its_winner_and_its_rows() -> None:
    caption = DRAWN["error_against_time"]().caption
    assert "rmse on test rows, 0.4, is from motif mimicry" in caption


@pytest.mark.parametrize("n_classes", [2, 13, 200])
def test_a_confusion_matrix_fits_any_number_of_classes(n_classes: int) -> None:
    codes = np.arange(n_classes)
    assert confusion(codes, codes, [f"a rather long class name {code}" for code in codes]).png


def test_constant_and_single_values_still_draw() -> None:
    assert parity(np.ones(3), np.ones(3)).png
    assert error_against_time(COMPETITORS[2:], metric="error_rate", rows="test rows").png
    single = {**REPORT, "scale_curve": REPORT["scale_curve"][:1]}
    assert scale_curve(single).png


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ScienceError):
        scale_curve({**REPORT, "scale_curve": []})
    with pytest.raises(ScienceError):
        error_against_time((), metric="rmse", rows="test rows")
    with pytest.raises(ScienceError):
        parity(np.empty(0), np.empty(0))
    with pytest.raises(ScienceError):
        confusion(np.empty(0, int), np.empty(0, int), ("a", "b"))
    for draw, empty in (
        (two_nn_line, {"two_nn": {"log_mu": [], "minus_log_1_minus_f": []}}),
        (local_by_class, {"local": {}}),
        (covering_curve, {"minkowski": {"curve": []}}),
        (dimension_by_rows, {"by_sample_size": []}),
    ):
        with pytest.raises(ScienceError):
            draw({**REPORT, **empty})
    broken = {**REPORT["local"], "histogram": {"edges": [1.0], "counts": [1]}}
    with pytest.raises(ScienceError):
        local_dimension({**REPORT, "local": broken})


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(plot).failed == 0
