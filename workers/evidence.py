"""What a package says of where its model comes from and how good it is."""

import platform
from importlib.metadata import version
from typing import Any

from app.domain.kinds.train import TrainSpec
from app.science.export.trained_model import CardText
from workers.context import Context

LIBRARIES = ("adaptnet", "torch", "numpy", "scikit-learn", "scipy", "onnx")


def card(context: Context, spec: TrainSpec, noun: str) -> CardText:
    """Title, purpose and data of the model's card; ``noun`` is what it reads."""
    dataset, target = context.job["dataset"], spec.target.column
    return CardText(
        title=f"{target} from {dataset['name']}",
        purpose=f"Predicts {target} for {noun} like those of the dataset.",
        dataset=f"{dataset['name']} version {dataset['version']}",
    )


def provenance(context: Context) -> dict[str, Any]:
    """No times and no ids of jobs: equal runs give equal bytes."""
    dataset = context.job["dataset"]
    return {
        "spec": context.job["spec"],
        "spec_sha256": context.job["spec_hash"],
        "dataset_sha256": dataset["sha256"],
        "dataset_logical_sha256": dataset["logical_hash"],
        "seed": context.seed,
        "device": context.device,
        "versions": {"python": platform.python_version()} | {n: version(n) for n in LIBRARIES},
    }


def evidence(context: Context) -> dict[str, Any]:
    """The keys that the card shows, and the documents that they come from."""
    report = context.read_json("report", "report.json")
    summary, found = report["summary"], report["dimension"]["recommended"]
    evaluation = report["evaluate"]
    metric = evaluation["metric"]
    split = report["headlines"]["split"]
    return {
        "data": {
            "n_rows": summary["n_rows"],
            "n_train": split["n_train"] + split["n_validation"],
            "n_test": split["n_test"],
            "n_columns": len(summary["columns"]),
        },
        "intrinsic_dimension": {
            "estimate": found["value"],
            "low": found["low"],
            "high": found["high"],
            "ambient_dim": report["dimension"]["ambient_dim"],
            "method": f"{found['kind']} estimate at level {found['level']}",
        },
        "architecture": {
            "reasons": [
                f"{entry['decision']} = {entry['value']}: {entry['rule']}"
                for entry in report["architecture"]["evidence"]
            ]
        },
        "test": {
            "metric": metric,
            "value": summary["test"]["network"],
            "n_rows": evaluation["n_test"],
            "baselines": [
                {"name": name, "value": value}
                for name, value in summary["test"].items()
                if name not in ("network", "teacher")
            ],
        },
        "coverage": evaluation["coverage"],
        "conformal": report["calibrate"],
        "certificate": {
            "error_bound": report["certify"]["certified_sup"],
            "observed_error": report["certify"]["observed_max"],
        },
        "report": {key: report[key] for key in ("dimension", "architecture", "evaluate")},
    }
