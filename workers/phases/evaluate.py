"""Phase ``evaluate``: the test rows, looked at once, for the network and all baselines."""

from typing import Any

from app.science.errors import NotCalibrated
from app.science.evaluation import conformal
from app.science.evaluation.comparison import Difference, paired_bootstrap, sentence
from app.science.evaluation.coverage import coverage
from app.science.evaluation.metrics import HEADLINE, evaluate
from app.science.relu_network.evaluate import predict
from workers.context import Context
from workers.phase import Phase
from workers.tabular import LEVEL, SGD, Encoded, Floats, encoded, fitted_teacher, trained_network

OUR_PHASES = (
    "dimension",
    "architecture",
    "teacher",
    "compress",
    "transfer",
    "correct",
    "certify",
    "calibrate",
)


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/evaluate.json``: errors, intervals, seconds, one sentence."""
    data = encoded(context)
    network = trained_network(context)
    teacher = fitted_teacher(context)
    baselines = context.read_json("baseline", "baseline.json")
    predictions = {
        "network": predict(network, data.test_x),
        "teacher": teacher.predict(data.test_x),
        **context.read_arrays("baseline", "predictions.safetensors"),
    }
    context.write_arrays("predictions.safetensors", {"network": predictions["network"]})
    seconds = {"network": context.seconds(*OUR_PHASES), "teacher": context.seconds("teacher")}
    seconds |= {name: found["seconds_total"] for name, found in baselines.items()}
    n_parameters = {"network": network.n_parameters}
    n_parameters |= {name: found["n_parameters"] for name, found in baselines.items()}
    methods: dict[str, dict[str, Any]] = {
        name: {
            "metrics": evaluate(data.task, data.test_y, prediction),
            "seconds": round(seconds[name], 3),
            "n_parameters": n_parameters.get(name),
        }
        for name, prediction in predictions.items()
    }
    differences = {
        name: paired_bootstrap(
            data.task, data.test_y, predictions["network"], predictions[name], seed=context.seed
        )
        for name in baselines
    }
    document = {
        "metric": HEADLINE[data.task],
        "n_test": len(data.test_y),
        "methods": methods,
        "differences": {name: _difference(found) for name, found in differences.items()},
        "coverage": _coverage(context, data, predictions["network"]),
        "seconds_note": f"network: {', '.join(OUR_PHASES)}; baselines: tuning and training. "
        "All on the same machine, one after another.",
        "summary": _summary(differences, seconds),
    }
    context.write_json("evaluate.json", document, public=True)
    errors = {name: found["metrics"][document["metric"]] for name, found in methods.items()}
    return {"metric": document["metric"], "test": errors, "summary": document["summary"]}


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


def _summary(differences: dict[str, Difference], seconds: dict[str, float]) -> str:
    name, words = (SGD, "the SGD baseline") if SGD in differences else ("ridge", "ridge")
    return sentence(
        differences[name],
        seconds=seconds["network"],
        baseline_seconds=seconds[name],
        baseline=words,
    )


PLUGIN: Phase = run
