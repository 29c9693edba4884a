"""Phase ``package``: the network with its preprocessing, evidence and golden inputs, as a file."""

from typing import Any

import numpy as np

from app.domain.features import MEDIA
from app.domain.kinds.train import TrainSpec
from app.science.export import golden
from app.science.export.media_writer import MediaTrained, package_bytes
from workers import evidence
from workers.context import Context
from workers.media.modality import medium
from workers.media.model import model_of
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave the package and the ONNX graph, which the phase ``teacher`` has proved."""
    model = _model(context)
    package = package_bytes(model)
    context.path("model.mmpkg", public=True).write_bytes(package)
    context.path("model.onnx", public=True).write_bytes(model.onnx)
    differences = context.headline("teacher")["differences"]
    return {
        "package_bytes": len(package),
        "differences": differences,
        "onnx_difference": differences["onnx"],
        "tolerance": golden.TOLERANCE,
    }


def _model(context: Context) -> MediaTrained:
    assert isinstance(context.spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    selection, found = context.read_json("materialize", "selection.json"), medium(context)
    kept = context.read_arrays("teacher", "golden.safetensors")
    return MediaTrained(
        kind=found.kind,
        column=found.column,
        reading=found.reading,
        task=selection["task"],
        classes=tuple(selection["classes"]),
        target_name=context.spec.target.column,
        onnx=model_of(context),
        depth=context.headline("architecture")["depth"],
        golden=kept["inputs"],
        outputs=kept["output"].astype(np.float64),
        provenance=evidence.provenance(context),
        evidence=evidence.evidence(context),
        card=evidence.card(context, context.spec, MEDIA[found.kind]),
    )


PLUGIN: Phase = run
