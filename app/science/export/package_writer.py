"""Assemble a package: every part from the trained model, the same bytes for the same model."""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from app.science.export import (
    archive,
    card,
    documents,
    golden,
    manifest,
    network_numpy,
    onnx_graph,
    reference,
    tensor_file,
    trained_model,
)
from app.science.export.trained_model import TrainedModel

NOTICE = """\
This package holds data only: no part of it is code, and reading it runs none.

manifest.json lists the SHA-256 of every file. weights.safetensors and architecture.json are the
network, preprocess.json is the way from table columns to its input, model.onnx is both in one
file. selftest.json and selftest.safetensors are rows with the outputs they must give; the rows
are taken from the data the model was trained and tested on.

The model belongs to whoever had it trained. Written by adaptnet.
"""


def package_bytes(
    model: TrainedModel,
    precision: DTypeLike = np.float32,
    outputs: NDArray[np.float64] | None = None,
) -> bytes:
    """The package as bytes.

    Parameters
    ----------
    precision : type of the weights, but for the last layer's, which are float64
    outputs : ``reference.outputs`` of the model, if they are known
    """
    if outputs is None:
        outputs = reference.outputs(model)
    network = network_numpy.stored(model.network, precision)
    encoding = trained_model.finite(model.encoding)
    rows = golden.Golden(model.golden_columns, outputs)
    page = card.document(card.about(model), model.card, model.evidence)
    parts = {
        "architecture.json": documents.write(network.to_json()),
        "weights.safetensors": tensor_file.write({**network.tensors, **encoding.tensors()}),
        "preprocess.json": documents.write(encoding.to_json()),
        "model.onnx": onnx_graph.build(network, encoding),
        "selftest.json": documents.write(rows.to_json()),
        "selftest.safetensors": tensor_file.write(rows.tensors()),
        "provenance.json": documents.write(model.provenance),
        "evidence.json": documents.write(model.evidence),
        "card.md": card.markdown(page).encode("utf-8", "replace"),
        "card.json": documents.write(page),
        "NOTICE": NOTICE.encode(),
    }
    files = {name: parts[name] for name in manifest.PARTS}
    head = manifest.build(files, target_name=model.target_name)
    return archive.write({manifest.NAME: head, **files})


def write_package(model: TrainedModel, path: str | Path, precision: DTypeLike = np.float32) -> None:
    """Write the package to a file; equal models give equal bytes."""
    Path(path).write_bytes(package_bytes(model, precision))
