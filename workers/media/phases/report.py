"""Phase ``report``: everything that was measured in one document, and its pictures."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.domain.kinds.train import TrainSpec
from app.science.errors import ScienceError
from app.science.plots.extremes import Extreme, extremes
from app.science.plots.outcome import confusion, parity
from app.science.plots.plot import Plot
from workers import reporting
from workers.context import Context
from workers.media.modality import inputs_of, medium, open_part, rows_of, targets_of
from workers.phase import Phase

DOCUMENTS = (
    "profile",
    "dimension",
    "invariance",
    "architecture",
    "teacher",
    "certify",
    "calibrate",
    "baseline",
    "evaluate",
)


def run(context: Context) -> dict[str, Any]:
    """Leave the report as JSON, a page and Markdown, and the pictures."""
    report = reporting.assembled(context, _summary(context), DOCUMENTS)
    return reporting.write(context, report, list(_plots(context, report)))


def _summary(context: Context) -> dict[str, Any]:
    selection = context.read_json("materialize", "selection.json")
    summary = {"n_rows": selection["n_rows"], **reporting.dimension_summary(context)}
    if isinstance(context.spec, TrainSpec):
        summary |= {key: selection[key] for key in ("target", "task", "classes")}
        summary |= _outcome_summary(context, context.spec)
    return summary


def _outcome_summary(context: Context, spec: TrainSpec) -> dict[str, Any]:
    evaluation = context.read_json("evaluate", "evaluate.json")
    methods, metric = evaluation["methods"], evaluation["metric"]
    found, dataset = medium(context), context.job["dataset"]["name"]
    names = {"network": "network", "ridge": "ridge", "sgd": found.modality.rival}
    present = {short: methods[name] for short, name in names.items() if name in methods}
    return {
        "register_as": spec.outputs.register_as or f"{dataset}-{spec.target.column}"[:100],
        "architecture": context.headline("architecture"),
        "metric": metric,
        "test": {short: method["metrics"][metric] for short, method in present.items()},
        "test_metrics": methods["network"]["metrics"],
        "uncertainty": reporting.uncertainty(context, evaluation),
        "seconds": {short: method["seconds"] for short, method in present.items()},
        "n_parameters": methods["network"]["n_parameters"],
        "sentence": evaluation["summary"],
        "columns": [{"name": found.column, "kind": found.kind}],
        "reading": dict(found.reading),
        "chosen": context.headline("teacher")["head"],
        "corrections": [],
        "certificate": context.headline("certify"),
    }


def _plots(context: Context, report: dict[str, Any]) -> Iterator[Plot]:
    """Every figure that the documents have the numbers for."""
    yield from reporting.dimension_figures(report)
    with contextlib.suppress(ScienceError):
        yield _extremes(context, report["dimension"].get("extremes") or {"low": [], "high": []})
    if isinstance(context.spec, TrainSpec):
        yield reporting.race(report)
        yield _outcome(context)


def _extremes(context: Context, ends: dict[str, list[dict[str, Any]]]) -> Plot:
    part = open_part(context)
    inputs, rows = inputs_of(context, part), rows_of(context, part)
    found = {
        end: [Extreme(**one, picture=inputs[np.searchsorted(rows, one["row"])]) for one in line]
        for end, line in ends.items()
    }
    return extremes(found, medium(context).modality.draw)


def _outcome(context: Context) -> Plot:
    selection = context.read_json("materialize", "selection.json")
    y = targets_of(context, "test")
    prediction = context.read_arrays("evaluate", "predictions.safetensors")["network"]
    if selection["task"] == "regression":
        return parity(y, prediction)
    return confusion(y, np.argmax(prediction, axis=1), selection["classes"])


PLUGIN: Phase = run
