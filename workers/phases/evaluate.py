"""Phase ``evaluate``: the test rows, looked at once, for the network and all baselines."""

from typing import Any

from app.science.export.latency import single_row_ms
from app.science.relu_network.evaluate import predict
from workers import comparison
from workers.context import Context
from workers.effort import our_phases, our_seconds
from workers.phase import Phase
from workers.tabular import encoded, fitted_encoding, fitted_teacher, trained_network

Documents = dict[str, Any]


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/evaluate.json``: errors, intervals, seconds, one sentence."""
    data = encoded(context)
    baselines = context.read_json("baseline", "baseline.json")
    predictions = {
        "network": predict(trained_network(context), data.test_x),
        "teacher": fitted_teacher(context).predict(data.test_x),
        **context.read_arrays("baseline", "predictions.safetensors"),
    }
    context.write_arrays("predictions.safetensors", {"network": predictions["network"]})
    found = comparison.document(
        context,
        data.task,
        data.test_y,
        predictions,
        _costs(context, baselines),
        class_weights=data.class_weights,
    )
    metric, methods = found["metric"], found["methods"]
    document = {
        **found,
        "matched_quality": comparison.matched_quality(
            baselines, methods["network"]["metrics"][metric]
        ),
        "seconds_note": f"network: {', '.join(our_phases(context))}; baselines: tuning and "
        "training. All on the same machine, one after another.",
        "latency_note": "one row with its preprocessing in ONNX Runtime on one thread, median",
    }
    context.write_json("evaluate.json", document, public=True)
    errors = {name: method["metrics"][metric] for name, method in methods.items()}
    return {"metric": metric, "test": errors, "summary": document["summary"]}


def _costs(context: Context, baselines: Documents) -> dict[str, dict[str, Any]]:
    """Seconds of training, numbers stored and latency; the teacher is not delivered."""
    network = trained_network(context)
    ours = {
        "seconds": round(our_seconds(context), 3),
        "n_parameters": network.n_parameters,
        "latency_ms": single_row_ms(network, fitted_encoding(context)),
    }
    teacher = {
        "seconds": round(context.seconds("teacher"), 3),
        "n_parameters": None,
        "latency_ms": None,
    }
    theirs = {
        name: {
            "seconds": found["seconds_total"],
            "n_parameters": found["n_parameters"],
            "latency_ms": found["latency_ms"],
        }
        for name, found in baselines.items()
    }
    return {"network": ours, "teacher": teacher, **theirs}


PLUGIN: Phase = run
