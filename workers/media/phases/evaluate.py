"""Phase ``evaluate``: the test rows, looked at once, for the network and the baselines."""

from typing import Any

from app.domain.features import MEDIA
from app.science.report.section import capital
from workers import comparison
from workers.context import Context
from workers.effort import TRAINED, our_phases, our_seconds, same_time, trained_by_sgd
from workers.media.modality import inputs_of, medium, targets_of
from workers.media.model import predicted, session_of
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/evaluate.json``: errors, sets or intervals, seconds, one sentence."""
    task = context.read_json("materialize", "selection.json")["task"]
    baselines = context.read_json("baseline", "baseline.json")
    predictions = {
        comparison.OURS: predicted(context, "test"),
        **context.read_arrays("baseline", "predictions.safetensors"),
    }
    context.write_arrays("predictions.safetensors", {comparison.OURS: predictions[comparison.OURS]})
    found = comparison.document(
        context, task, targets_of(context, "test"), predictions, _costs(context, baselines)
    )
    metric, methods = found["metric"], found["methods"]
    error = methods[comparison.OURS]["metrics"][metric]
    document = {
        **found,
        "matched_quality": comparison.matched_quality(baselines, error),
        "seconds_note": f"network: {', '.join(our_phases(context))}; ridge reads plain numbers of "
        f"the same {MEDIA[medium(context).kind]}. {_about_sgd(baselines)} All on the same machine, "
        "one after another.",
        "latency_note": "one input in ONNX Runtime on one thread, median; baselines are not served",
    }
    context.write_json("evaluate.json", document, public=True)
    errors = {name: method["metrics"][metric] for name, method in methods.items()}
    return {"metric": metric, "test": errors, "summary": document["summary"]}


def _about_sgd(baselines: dict[str, Any]) -> str:
    name = trained_by_sgd(baselines)
    if name is None:
        return "No network was trained by SGD for comparison."
    about = f"{capital(TRAINED[name])} was tuned and trained by SGD"
    if same_time(name) in baselines:
        return f"{about}."
    return (
        f"{about} up to its limit, which is less than ours took: raise "
        "`baselines.max_wall_seconds`, and `compute.max_wall_seconds` to eight times as much, to "
        "compare at the same time."
    )


def _costs(context: Context, baselines: dict[str, Any]) -> dict[str, dict[str, Any]]:
    ours = {
        "seconds": round(our_seconds(context), 3),
        "n_parameters": context.headline("teacher")["n_parameters"],
        "latency_ms": session_of(context, threads=1).single_row_ms(inputs_of(context, "test")),
    }
    theirs = {
        name: {
            "seconds": found["seconds_total"],
            "n_parameters": found["n_parameters"],
            "latency_ms": found["latency_ms"],
        }
        for name, found in baselines.items()
    }
    return {comparison.OURS: ours, **theirs}


PLUGIN: Phase = run
