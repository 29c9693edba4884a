"""The panel of a result, whole and with holes."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.cli.outcome import panel
from app.cli.train import dataset_name

RESULT: dict[str, Any] = {
    "register_as": "bikes-demo",
    "task": "regression",
    "target": "count",
    "n_rows": 17379,
    "dimension": {"value": 2.682, "low": 2.362, "high": 2.947, "level": 0.9},
    "architecture": {"n_motifs": 1884, "depth": 4, "n_parameters": 29210},
    "metric": "rmse",
    "test": {"network": 41.25, "sgd": 43.5, "ridge": 140.7},
    "seconds": {"network": 12.5, "sgd": 140.0},
    "n_parameters": 29210,
    "package_bytes": 250_000,
    "sentence": "11 times as fast as SGD [on one core].",
}
UNCERTAINTY = {
    "max_level": 0.99,
    "reason": None,
    "coverage": {"level": 0.9, "value": 0.9123, "low": 0.9, "high": 0.924},
}
EVIDENCE = [
    {"decision": "n_motifs", "value": 1884, "rule": "rows and dimension", "decided_by": "data"},
    {"decision": "depth"},
]


def text(result: dict[str, Any], advice: dict[str, Any]) -> str:
    written = io.StringIO()
    Console(file=written, width=120).print(panel(result, advice, None))
    return written.getvalue()


def test_says_what_was_measured_chosen_and_compared() -> None:
    shown = text(RESULT, {"evidence": EVIDENCE})

    for words in (
        "count (regression, 17,379 rows)",
        "2.682  (2.362 to 2.947, 90% interval)",
        "1,884 motifs, depth 4, 29,210 parameters",
        "n_motifs = 1,884: rows and dimension [data]",
        "Motif Mimicry (ours)      41.25   12.5 s",
        "SGD baseline               43.5   140 s",
        "11 times as fast as SGD [on one core].",
        "244 KiB",
    ):
        assert words in shown


def test_says_how_far_a_prediction_can_be_trusted() -> None:
    metrics = {"expected_calibration_error": 0.0123, "balanced_error_rate": 0.25}
    shown = text(
        {"uncertainty": UNCERTAINTY, "classes": ["no", "yes"], "test_metrics": metrics}, {}
    )
    refused = text({"uncertainty": {"reason": "too few rows", "coverage": {"value": None}}}, {})

    assert "90% sets" in shown
    assert "hold 91.2% (90.0% to 92.4%) of the test rows" in shown
    assert "expected calibration error  0.0123" in shown
    assert "none: too few rows" in refused


@pytest.mark.parametrize("missing", RESULT)
def test_leaves_out_what_is_not_there(missing: str) -> None:
    holes = {name: value for name, value in RESULT.items() if name != missing}

    assert text(holes, {})
    assert text({**RESULT, missing: None}, {"evidence": [{}]})


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("bikes.csv.gz", "bikes"),
        ("My data (2).csv", "My-data-2"),
        (".csv", "csv"),
        ("é.csv", "data"),
    ],
)
def test_a_dataset_is_named_after_its_file(file: str, name: str) -> None:
    assert dataset_name(Path(file)) == name
