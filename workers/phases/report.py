"""Phase ``report``: everything that was measured in one document, and its pictures."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.domain.kinds.train import TrainSpec
from app.domain.tabular import TabularSpec
from app.science.errors import ScienceError
from app.science.evaluation import conformal
from app.science.plots.dimension import local_dimension, scale_curve
from app.science.plots.dimension_evidence import estimator_forest, local_by_class, two_nn_line
from app.science.plots.dimension_sample import covering_curve, dimension_by_rows
from app.science.plots.outcome import confusion, parity
from app.science.plots.plot import Plot
from app.science.plots.race import TimedErrors, error_against_time
from app.science.plots.steps import LossStep, loss_by_step
from workers.context import Context
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
    "dimension",
    "architecture",
    "compress",
    "transfer",
    "correct",
    "certify",
    "calibrate",
    "baseline",
    "evaluate",
)


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/report.json`` and the pictures; the job's result is its short form."""
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
    for plot in _plots(context, report):
        context.path(f"{plot.name}.svg", public=True).write_bytes(plot.svg)
        context.path(f"{plot.name}.csv", public=True).write_text(plot.csv)
    return {"n_documents": len(report)}


def _plots(context: Context, report: dict[str, Any]) -> Iterator[Plot]:
    """Every figure that the documents have the numbers for."""
    for figure in DIMENSION_FIGURES if report["dimension"]["scale_curve"] else ():
        with contextlib.suppress(ScienceError):  # no classes, or too few rows for this view
            yield figure(report["dimension"])
    if isinstance(context.spec, TrainSpec):
        yield _race(report)
        yield _steps(report, context.read_json("materialize", "selection.json")["task"])
        yield _outcome(context)


def _summary(context: Context) -> dict[str, Any]:
    selection = context.read_json("materialize", "selection.json")
    dimension = context.read_json("dimension", "dimension.json")
    summary: dict[str, Any] = {
        "n_rows": selection.get("n_rows", context.job["dataset"]["n_rows"]),
        "dimension": {
            key: dimension["recommended"][key] for key in ("value", "low", "high", "level", "kind")
        },
        "dimension_flags": dimension["flags"],
    }
    if isinstance(context.spec, TabularSpec):
        summary |= {key: selection[key] for key in ("target", "task", "classes")}
        summary["architecture"] = context.headline("architecture")
    if isinstance(context.spec, TrainSpec):
        summary |= _outcome_summary(context, context.spec)
    return summary


def _outcome_summary(context: Context, spec: TrainSpec) -> dict[str, Any]:
    evaluation = context.read_json("evaluate", "evaluate.json")
    methods, metric = evaluation["methods"], evaluation["metric"]
    names = {"network": "network", "teacher": "teacher", "ridge": "ridge", "sgd": SGD}
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
    """Test error of ours and ridge at their seconds; validation curve of SGD over its time."""
    evaluation, metric = report["evaluate"], report["evaluate"]["metric"]

    def end(name: str) -> tuple[float, float]:
        found = evaluation["methods"][name]
        return found["seconds"], found["metrics"][metric]

    competitors = [
        TimedErrors("Motif Mimicry", "ours", (end("network"),)),
        TimedErrors("ridge", "reference", (end("ridge"),)),
    ]
    sgd = report["baseline"].get(SGD)
    if sgd:
        points = tuple((point["seconds"], point["headline"]) for point in sgd["curve"])
        tuning = sgd["seconds_total"] - sgd["seconds_final"]
        competitors.append(TimedErrors("SGD (validation rows)", "baseline", points, tuning))
        competitors.append(TimedErrors("SGD, best model", "reference", (end(SGD),)))
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
    return confusion(data.test_y, np.argmax(prediction, axis=1), data.classes)


PLUGIN: Phase = run
