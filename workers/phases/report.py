"""Phase ``report``: everything that was measured in one document, and its pictures."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from app.domain.kinds.train import TrainSpec
from app.domain.tabular import TabularSpec
from app.science.errors import ScienceError
from app.science.evaluation.decision import decide
from app.science.plots.double_descent import double_descent
from app.science.plots.learning_curve import learning_curve
from app.science.plots.loss_surface import loss_surface
from app.science.plots.outcome import confusion, parity
from app.science.plots.phase_diagram import phase_diagram
from app.science.plots.plot import Plot
from app.science.plots.spectrum import spectrum
from app.science.plots.steps import LossStep, loss_by_step
from workers import reporting
from workers.context import Context
from workers.effort import TREES
from workers.phase import Phase
from workers.tabular import SGD, encoded

DOCUMENTS = (
    "profile",
    "dimension",
    "structure",
    "invariance",
    "architecture",
    "double_descent",
    "compress",
    "transfer",
    "correct",
    "certify",
    "calibrate",
    "baseline",
    "evaluate",
    "benchmark",
    "loss_surface",
    "forecast",
)


def run(context: Context) -> dict[str, Any]:
    """Leave the report as JSON, a page and Markdown, and the pictures."""
    report = reporting.assembled(context, _summary(context), DOCUMENTS)
    return reporting.write(context, report, list(_plots(context, report)))


FIGURES: tuple[tuple[str, str, Callable[[dict[str, Any]], Plot]], ...] = (
    ("structure", "phase", phase_diagram),
    ("double_descent", "points", double_descent),
    ("loss_surface", "lines", loss_surface),
    ("loss_surface", "lines", spectrum),
    ("forecast", "measured", learning_curve),
)
"""A document, the key that it needs for a figure, and the figure."""


def _plots(context: Context, report: dict[str, Any]) -> Iterator[Plot]:
    """Every figure that the documents have the numbers for."""
    yield from reporting.dimension_figures(report)
    for name, key, draw in FIGURES:
        if report.get(name, {}).get(key):
            with contextlib.suppress(ScienceError):
                yield draw(report[name])
    if isinstance(context.spec, TrainSpec):
        yield reporting.race(report)
        yield _steps(report, context.read_json("materialize", "selection.json")["task"])
        yield _outcome(context)


def _summary(context: Context) -> dict[str, Any]:
    selection = context.read_json("materialize", "selection.json")
    phases = context.job["phases"]
    summary: dict[str, Any] = {"n_rows": selection.get("n_rows", context.job["dataset"]["n_rows"])}
    if "dimension" in phases:
        summary |= reporting.dimension_summary(context)
    if isinstance(context.spec, TabularSpec):
        summary |= {key: selection[key] for key in ("target", "task", "classes")}
    if "architecture" in phases:
        summary["architecture"] = context.headline("architecture")
    if isinstance(context.spec, TrainSpec):
        summary |= _outcome_summary(context, context.spec)
    if "forecast" in phases:
        summary["forecast"] = context.read_json("forecast", "forecast.json")["sentence"]
    if "benchmark" in phases:
        summary |= context.headline("benchmark")
    return summary


def _outcome_summary(context: Context, spec: TrainSpec) -> dict[str, Any]:
    evaluation = context.read_json("evaluate", "evaluate.json")
    methods, metric = evaluation["methods"], evaluation["metric"]
    names = {
        "network": "network",
        "teacher": "teacher",
        "ridge": "ridge",
        "sgd": SGD,
        "trees": TREES,
    }
    present = {short: methods[name] for short, name in names.items() if name in methods}
    dataset = context.job["dataset"]["name"]
    encoding = context.read_json("split", "meta.json")["encoding"]
    return {
        "register_as": spec.outputs.register_as or f"{dataset}-{spec.target.column}"[:100],
        "metric": metric,
        "test": {short: found["metrics"][metric] for short, found in present.items()},
        "test_metrics": methods["network"]["metrics"],
        "uncertainty": reporting.uncertainty(context, evaluation),
        "seconds": {short: found["seconds"] for short, found in present.items()},
        "n_parameters": methods["network"]["n_parameters"],
        "sentence": evaluation["summary"],
        "columns": [{"name": c["name"], "kind": c["kind"]} for c in encoding["columns"]],
        "chosen": context.headline("transfer")["chosen"],
        "corrections": context.headline("correct")["accepted"],
        "certificate": context.headline("certify"),
    }


def _steps(report: dict[str, Any], task: str) -> Plot:
    """The held-out loss from ridge over the teacher to the network that is shipped."""
    teacher, carried = report["headlines"]["teacher"], report["transfer"]
    corrected = report["correct"]
    steps = [
        LossStep("ridge", teacher["ridge_validation_loss"], reference=True),
        LossStep("teacher", teacher["validation_loss"]),
        LossStep("compressed", report["compress"]["loss"]),
    ]
    if carried["mix_losses"]:
        steps.append(LossStep("motifs drawn anew", carried["network_validation_loss"]))
    for found in corrected["verdicts"]:
        name = found["name"].replace("_", " ")
        steps.append(LossStep(name, found["after"], accepted=found["accepted"]))
    if corrected["temperature"] != 1.0:
        steps.append(LossStep("logits rescaled", corrected["validation_loss"]))
    if "fine_tune" in corrected:
        tuned = corrected["fine_tune"]
        steps.append(LossStep("fine-tuned", tuned["loss_after"], accepted=tuned["accepted"]))
    unit = "squared error / variance" if task == "regression" else "nats"
    return loss_by_step(steps, unit=unit)


def _outcome(context: Context) -> Plot:
    data = encoded(context)
    prediction = context.read_arrays("evaluate", "predictions.safetensors")["network"]
    if data.task == "regression":
        return parity(data.test_y, prediction)
    return confusion(data.test_y, decide(prediction, data.class_weights), data.classes)


PLUGIN: Phase = run
