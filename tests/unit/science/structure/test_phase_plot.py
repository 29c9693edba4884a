import csv
import io
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from app.science.plots.phase_diagram import phase_diagram
from app.science.structure.noise import Estimate
from app.science.structure.phase_diagram import locate
from app.science.structure.singularity import Side


def document(side: Side) -> dict[str, Any]:
    position = locate(
        side, Estimate(1.0, 0.5, 2.0), Estimate(5.0, 4.0, 6.0), np.random.default_rng(0)
    )
    return {"phase": position.to_json(), "verdict": {"side": side, "confidence": "medium"}}


@pytest.mark.parametrize("side", ["smooth", "jump", "undecided"])
def test_the_figure_is_valid_and_the_same_every_time(side: Side) -> None:
    first, again = (phase_diagram(document(side)) for _ in range(2))

    assert first == again
    assert Xml.fromstring(first.svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (ours)
    assert first.caption.startswith(f"Verdict: {side}, confidence medium. ")


def test_both_boundaries_stand_in_the_table() -> None:
    rows = list(csv.DictReader(io.StringIO(phase_diagram(document("jump")).csv)))
    at_one = next(row for row in rows if float(row["smoothness"]) == pytest.approx(1.0))

    assert float(at_one["corollary_20"]) == pytest.approx(1.6)
    assert float(at_one["introduction"]) == pytest.approx(8 / 3)
