"""Phase ``report``: everything that was measured in one document, and its pictures."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from app.domain.kinds.train import TrainSpec
from app.domain.tabular import TabularSpec
from app.science.errors import ScienceError
from app.science.evaluation import conformal
from app.science.evaluation.decision import decide
from app.science.plots.dimension import local_dimension, scale_curve
from app.science.plots.dimension_evidence import estimator_forest, local_by_class, two_nn_line
from app.science.plots.dimension_sample import covering_curve, dimension_by_rows
from app.science.plots.double_descent import double_descent
from app.science.plots.learning_curve import learning_curve
from app.science.plots.loss_surface import loss_surface
from app.science.plots.outcome import confusion, parity
from app.science.plots.phase_diagram import phase_diagram
from app.science.plots.plot import Plot
from app.science.plots.race import TimedErrors, error_against_time
from app.science.plots.spectrum import spectrum
from app.science.plots.steps import LossStep, loss_by_step
from app.science.report.markdown import markdown
from app.science.report.page import page
from workers.context import Context
from workers.effort import TREES
from workers.phase import Phase
from workers.tabular import SGD, encoded

DIMENSION_FIGURES = (
    scale_curve,
    local_dimension,
    two_nn_line,
    estimator_forest,
    local_by_class,
    covering_curve,
    dimension_by_rows,
)
PARTS = (
    "profile",
    "split",
    "dimension",
    "structure",
    "invariance",
    "architecture",
    "teacher",
    "compress",
    "transfer",
    "correct",
    "certify",
    "calibrate",
    "evaluate",
)
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
    """Leave the report as JSON, a page and Markdown, and the pictures.

    The job's result is its short form.
    """
    phases = context.job["phases"]
    summary = _summary(context)
    report = {
        "format": "adaptnet-report/1",
        "summary": summary,
        "headlines": {phase: context.headline(phase) for phase in PARTS if phase in phases},
        "seconds": {phase: context.seconds(phase) for phase in phases[: phases.index("report")]},
        **{
            phase: context.read_json(phase, f"{phase}.json")
            for phase in DOCUMENTS
            if phase in phases
        },
    }
    context.write_json("report.json", report, public=True)
    context.write_json("result.json", summary)
    plots = list(_plots(context, report))
    for plot in plots:
        context.path(f"{plot.name}.svg", public=True).write_bytes(plot.svg)
        context.path(f"{plot.name}.csv", public=True).write_text(plot.csv)
    context.path("report.html", public=True).write_text(page(report, plots), encoding="utf-8")
    context.path("report.md", public=True).write_text(markdown(report, plots), encoding="utf-8")
    return {"n_documents": len(report), "n_figures": len(plots)}


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
    measured = report.get("dimension", {})
    for figure in DIMENSION_FIGURES if measured.get("scale_curve") else ():
        with contextlib.suppress(ScienceError):  # no classes, or too few rows for this view
            yield figure(measured)
    for name, key, draw in FIGURES:
        if report.get(name, {}).get(key):
            with contextlib.suppress(ScienceError):
                yield draw(report[name])
    if isinstance(context.spec, TrainSpec):
        yield _race(report)
        yield _steps(report, context.read_json("materialize", "selection.json")["task"])
        yield _outcome(context)


def _summary(context: Context) -> dict[str, Any]:
    selection = context.read_json("materialize", "selection.json")
    phases = context.job["phases"]
    summary: dict[str, Any] = {"n_rows": selection.get("n_rows", context.job["dataset"]["n_rows"])}
    if "dimension" in phases:
        summary |= _dimension_summary(context)
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


def _dimension_summary(context: Context) -> dict[str, Any]:
    found = context.read_json("dimension", "dimension.json")
    kept = ("value", "low", "high", "level", "kind")
    return {
        "dimension": {key: found["recommended"][key] for key in kept},
        "dimension_flags": found["flags"],
    }


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
        "uncertainty": _uncertainty(context, evaluation),
        "seconds": {short: found["seconds"] for short, found in present.items()},
        "n_parameters": methods["network"]["n_parameters"],
        "sentence": evaluation["summary"],
        "columns": [{"name": c["name"], "kind": c["kind"]} for c in encoding["columns"]],
        "chosen": context.headline("transfer")["chosen"],
        "corrections": context.headline("correct")["accepted"],
        "certificate": context.headline("certify"),
    }


def _uncertainty(context: Context, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Up to which level the model gives intervals or sets, and how often one holds the truth."""
    task = context.read_json("materialize", "selection.json")["task"]
    found = conformal.from_json(context.read_json("calibrate", "calibrate.json"), task)
    return {
        "max_level": found.max_level,
        "reason": found.reason,
        "coverage": evaluation["coverage"],
    }


def _race(report: dict[str, Any]) -> Plot:
    """Test error over seconds: where each method ended, and SGD's best model on its way."""
    evaluation, metric = report["evaluate"], report["evaluate"]["metric"]

    def end(name: str) -> tuple[float, float]:
        found = evaluation["methods"][name]
        return found["seconds"], found["metrics"][metric]

    competitors = [TimedErrors("Motif Mimicry", "ours", (end("network"),))]
    competitors += [
        TimedErrors(name, "reference", (end(method),))
        for method, name in (("ridge", "ridge"), (TREES, "LightGBM"))
        if method in evaluation["methods"]
    ]
    sgd = report["baseline"].get(SGD)
    if sgd:
        points = tuple((point["seconds"], point["error"]) for point in sgd["test_curve"])
        tuning = sgd["seconds_total"] - sgd["seconds_final"]
        competitors.append(TimedErrors("Adam MLP", "baseline", points, tuning))
    return error_against_time(competitors, metric=metric, rows="test rows")


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
