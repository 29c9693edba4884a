"""Phase ``evaluate``: the test rows, looked at once, for the network and the baseline."""

from typing import Any

from app.domain.features import MEDIA
from workers import comparison
from workers.context import Context
from workers.effort import our_phases, our_seconds
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
    noun = MEDIA[medium(context).kind]
    document = {
        **found,
        "matched_quality": None,
        "seconds_note": f"network: {', '.join(our_phases(context))}; ridge reads plain numbers of "
        f"the same {noun}. No network was trained by SGD for comparison. All on the same machine, "
        "one after another.",
        "latency_note": "one input in ONNX Runtime on one thread, median",
    }
    context.write_json("evaluate.json", document, public=True)
    metric, methods = document["metric"], document["methods"]
    errors = {name: method["metrics"][metric] for name, method in methods.items()}
    return {"metric": metric, "test": errors, "summary": document["summary"]}


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
