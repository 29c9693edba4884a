"""What the reports of tables and of media share: their frame, and the figures of both."""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from app.science.errors import ScienceError
from app.science.evaluation import conformal
from app.science.plots.dimension import local_dimension, scale_curve
from app.science.plots.dimension_evidence import estimator_forest, local_by_class, two_nn_line
from app.science.plots.dimension_sample import covering_curve, dimension_by_rows
from app.science.plots.plot import Plot
from app.science.plots.race import TimedErrors, error_against_time
from app.science.report.markdown import markdown
from app.science.report.page import page
from workers.context import Context
from workers.effort import TRAINED, TREES, trained_by_sgd

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


def assembled(
    context: Context, summary: dict[str, Any], documents: Collection[str]
) -> dict[str, Any]:
    """Summary, headlines, seconds, and the documents of those phases that the job has."""
    phases = context.job["phases"]
    return {
        "format": "adaptnet-report/1",
        "summary": summary,
        "headlines": {phase: context.headline(phase) for phase in PARTS if phase in phases},
        "seconds": {phase: context.seconds(phase) for phase in phases[: phases.index("report")]},
        **{
            phase: context.read_json(phase, f"{phase}.json")
            for phase in documents
            if phase in phases
        },
    }


def write(context: Context, report: dict[str, Any], plots: list[Plot]) -> dict[str, Any]:
    """Leave the report as JSON, a page and Markdown, and the pictures; headlines.

    The job's result is its summary.
    """
    context.write_json("report.json", report, public=True)
    context.write_json("result.json", report["summary"])
    for plot in plots:
        context.path(f"{plot.name}.svg", public=True).write_bytes(plot.svg)
        context.path(f"{plot.name}.csv", public=True).write_text(plot.csv)
    context.path("report.html", public=True).write_text(page(report, plots), encoding="utf-8")
    context.path("report.md", public=True).write_text(markdown(report, plots), encoding="utf-8")
    return {"n_documents": len(report), "n_figures": len(plots)}


def dimension_figures(report: dict[str, Any]) -> Iterator[Plot]:
    """Every figure that the measurement has the numbers for."""
    measured = report.get("dimension", {})
    for figure in DIMENSION_FIGURES if measured.get("scale_curve") else ():
        with contextlib.suppress(ScienceError):  # no classes, or too few rows for this view
            yield figure(measured)


def dimension_summary(context: Context) -> dict[str, Any]:
    """The recommended value with its flags."""
    found = context.read_json("dimension", "dimension.json")
    kept = ("value", "low", "high", "level", "kind")
    return {
        "dimension": {key: found["recommended"][key] for key in kept},
        "dimension_flags": found["flags"],
    }


def uncertainty(context: Context, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Up to which level the model gives intervals or sets, and how often one holds the truth."""
    task = context.read_json("materialize", "selection.json")["task"]
    found = conformal.from_json(context.read_json("calibrate", "calibrate.json"), task)
    return {
        "max_level": found.max_level,
        "reason": found.reason,
        "coverage": evaluation["coverage"],
    }


def race(report: dict[str, Any]) -> Plot:
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
    sgd = trained_by_sgd(report["baseline"])
    if sgd:
        found = report["baseline"][sgd]
        points = tuple((point["seconds"], point["error"]) for point in found["test_curve"])
        tuning = found["seconds_total"] - found["seconds_final"]
        name = TRAINED[sgd].removeprefix("the ")
        competitors.append(TimedErrors(name, "baseline", points, tuning))
    return error_against_time(competitors, metric=metric, rows="test rows")
