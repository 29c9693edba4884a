"""Phase ``evaluate``: the test rows, looked at once, for the network and all baselines."""

from typing import Any

from app.science.errors import NotCalibrated
from app.science.evaluation import conformal
from app.science.evaluation.comparison import (
    Difference,
    Rival,
    paired_bootstrap,
    time_to_quality,
    verdict,
)
from app.science.evaluation.coverage import coverage
from app.science.evaluation.metrics import evaluate, headline_name
from app.science.export.latency import single_row_ms
from app.science.relu_network.evaluate import predict
from workers.context import Context
from workers.effort import IN_WORDS, SAME_TIME, our_phases, our_seconds
from workers.phase import Phase
from workers.tabular import (
    LEVEL,
    SGD,
    Encoded,
    Floats,
    encoded,
    fitted_encoding,
    fitted_teacher,
    trained_network,
)

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
    costs = _costs(context, baselines)
    differences = {
        name: paired_bootstrap(
            data.task,
            data.test_y,
            predictions["network"],
            predictions[name],
            seed=context.seed,
            class_weights=data.class_weights,
        )
        for name in baselines
    }
    metric = headline_name(data.task, data.class_weights)
    methods: dict[str, dict[str, Any]] = {
        name: {
            "name": IN_WORDS[name],
            "metrics": evaluate(data.task, data.test_y, prediction, data.class_weights),
            **costs[name],
        }
        for name, prediction in predictions.items()
    }
    document = {
        "metric": metric,
        "n_test": len(data.test_y),
        "methods": methods,
        "differences": {name: _difference(found) for name, found in differences.items()},
        "matched_quality": _matched_quality(baselines, methods["network"]["metrics"][metric]),
        "coverage": _coverage(context, data, predictions["network"]),
        "seconds_note": f"network: {', '.join(our_phases(context))}; baselines: tuning and "
        "training. All on the same machine, one after another.",
        "latency_note": "one row with its preprocessing in ONNX Runtime on one thread, median",
        "summary": _summary(differences, costs),
    }
    context.write_json("evaluate.json", document, public=True)
    errors = {name: found["metrics"][metric] for name, found in methods.items()}
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


def _matched_quality(baselines: Documents, error: float) -> dict[str, Any] | None:
    """How long SGD trained until it was as good as ours on the test rows; null without SGD."""
    sgd = baselines.get(SGD)
    if sgd is None:
        return None
    curve = [(point["seconds"], point["error"]) for point in sgd["test_curve"]]
    tuning = sgd["seconds_total"] - sgd["seconds_final"]
    found = time_to_quality(error, curve, tuning_seconds=tuning)
    return {
        "method": SGD,
        "error": found.error,
        "best": found.best,
        "reached": found.seconds is not None,
        "seconds": found.seconds,
        "seconds_without_tuning": found.seconds_of_run,
    }


def _coverage(context: Context, data: Encoded, prediction: Floats) -> dict[str, Any]:
    """How often the network's intervals or sets hold the truth; null where it has none."""
    calibrated = conformal.from_json(context.read_json("calibrate", "calibrate.json"), data.task)
    try:
        found = coverage(calibrated, data.test_y, prediction, LEVEL)
    except NotCalibrated:
        return {"level": LEVEL, "value": None, "reason": calibrated.reason}
    return {
        "level": LEVEL,
        "value": found.share,
        "low": found.low,
        "high": found.high,
        "mean_size": found.mean_size,
        "n_rows": found.n_rows,
        "n_calibration": calibrated.n_rows,
    }


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "level": 0.95,
        "significant": found.significant,
    }


def _summary(differences: dict[str, Difference], costs: dict[str, dict[str, Any]]) -> str:
    """The same-time run is in the table; the sentence names each kind of method once."""
    rivals = [
        Rival(IN_WORDS[name], differences[name], costs[name]["seconds"], timed=name != "ridge")
        for name in IN_WORDS
        if name in differences and name != SAME_TIME
    ]
    return verdict(rivals, seconds=costs["network"]["seconds"])


PLUGIN: Phase = run
