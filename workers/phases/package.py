"""Phase ``package``: the model with its preprocessing, evidence and golden rows, in one file."""

from typing import Any

import numpy as np

from app.domain.kinds.train import TrainSpec
from app.science.export import archive
from app.science.export.export_format import FORMATS
from app.science.export.self_test import proved_package
from app.science.export.trained_model import TrainedModel
from workers import evidence
from workers.context import Context
from workers.phase import Phase
from workers.tabular import features, fitted_encoding, trained_network

N_GOLDEN = 256


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
    return TrainedModel(
        network=trained_network(context),
        encoding=fitted_encoding(context),
        target_name=context.spec.target.column,
        provenance=evidence.provenance(context),
        evidence=evidence.evidence(context),
        golden=_golden_rows(context),
        card=evidence.card(context, context.spec, "rows"),
    )


def _golden_rows(context: Context) -> dict[str, Any]:
    """A seeded draw of test rows, as a caller would send them."""
    rows = context.read_arrays("split", "rows.safetensors")["test"]
    rng = np.random.default_rng(context.seed)
    picked = np.sort(rng.permutation(rows)[:N_GOLDEN])
    columns, _ = features(context, picked)
    return dict(columns)


PLUGIN: Phase = run
