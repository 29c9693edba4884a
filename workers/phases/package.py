"""Phase ``package``: the model with its preprocessing, evidence and golden rows, in one file."""

import platform
from importlib.metadata import version
from typing import Any

import numpy as np

from app.domain.kinds.train import TrainSpec
from app.science.export import archive
from app.science.export.export_format import FORMATS
from app.science.export.self_test import proved_package
from app.science.export.trained_model import CardText, TrainedModel
from workers.context import Context
from workers.phase import Phase
from workers.tabular import features, fitted_encoding, trained_network

N_GOLDEN = 256
LIBRARIES = ("adaptnet", "torch", "numpy", "scikit-learn", "scipy", "onnx")


def run(context: Context) -> dict[str, Any]:
    """Leave the package, the ONNX graph and the weights. Fails where they disagree."""
    model = _model(context)
    package, proof = proved_package(model)
    context.path("model.mmpkg", public=True).write_bytes(package)
    context.path("model.onnx", public=True).write_bytes(archive.read(package)["model.onnx"])
    weights = FORMATS.get("safetensors")
    weights.write(model, context.path("model.safetensors", public=True))
    return {
        "package_bytes": len(package),
        "precision": proof.precision,
        "onnx_difference": proof.onnx_difference,
        "numpy_difference": proof.numpy_difference,
        "tolerance": proof.tolerance,
    }


def _model(context: Context) -> TrainedModel:
    assert isinstance(context.spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    dataset = context.job["dataset"]
    return TrainedModel(
        network=trained_network(context),
        encoding=fitted_encoding(context),
        target_name=context.spec.target.column,
        provenance=_provenance(context),
        evidence=_evidence(context),
        golden=_golden_rows(context),
        card=CardText(
            title=f"{context.spec.target.column} from {dataset['name']}",
            purpose=f"Predicts {context.spec.target.column} for rows like those of the dataset.",
            dataset=f"{dataset['name']} version {dataset['version']}",
        ),
    )


def _golden_rows(context: Context) -> dict[str, Any]:
    """A seeded draw of test rows, as a caller would send them."""
    rows = context.read_arrays("split", "rows.safetensors")["test"]
    rng = np.random.default_rng(context.seed)
    picked = np.sort(rng.permutation(rows)[:N_GOLDEN])
    columns, _ = features(context, picked)
    return dict(columns)


def _provenance(context: Context) -> dict[str, Any]:
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


def _evidence(context: Context) -> dict[str, Any]:
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


PLUGIN: Phase = run
