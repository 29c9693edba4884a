"""Assemble the package of a model of images or point sets, and prove it before it is handed out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from app.science.export import archive, card, documents, golden, manifest, tensor_file
from app.science.export.media_input import Inputs
from app.science.export.media_runtime import PREPROCESS, SELF_TEST, Floats
from app.science.export.trained_model import CardText
from app.science.relu_network.network import Task

NOTICE = """\
This package holds data only: no part of it is code, and reading it runs none.

manifest.json lists the SHA-256 of every file. model.onnx is the network with its arithmetic from
raw inputs to the answer, preprocess.json says how a file becomes such an input. selftest.json and
selftest.safetensors are inputs with the outputs they must give; they are taken from the data the
model was trained and tested on.

The model belongs to whoever had it trained. Written by adaptnet.
"""
DECODING: Mapping[str, tuple[str, ...]] = {
    "image": (
        "Turn the image as its EXIF orientation says.",
        "Bring it to 8 bits: of 16 bits take the high ones, lay transparency on white.",
        "Convert it to grey by ITU-R 601 (1 channel) or to RGB (3 channels).",
        "Stretch it to height x width with a bilinear filter that averages where it shrinks "
        "(Pillow's Image.resize with BILINEAR).",
        "Give its bytes as they are, uint8 (N, height, width, channels), to `image`.",
    ),
    "points": ("Give float32 (N, K, columns) to `points`; pad shorter sets with points of NaN.",),
}
LIMITS = {
    "image": "Images unlike the training images get a prediction too.",
    "points": "Point sets unlike the training sets get a prediction too.",
}


@dataclass(frozen=True)
class MediaTrained:
    """A trained network of images or point sets, with all that its package says of it.

    onnx : the whole network; reading : what an input looks like, see ``media_input``;
    golden, outputs : inputs and the reference outputs (n, 1) or (n, c) that the file must give
    """

    kind: str
    column: str
    reading: Mapping[str, Any]
    task: Task
    classes: tuple[str, ...]
    target_name: str
    onnx: bytes
    depth: int
    golden: Inputs
    outputs: Floats
    provenance: Mapping[str, Any]
    evidence: Mapping[str, Any]
    card: CardText

    @property
    def n_parameters(self) -> int:
        """Numbers in the network."""
        return n_parameters(self.onnx)


def n_parameters(data: bytes) -> int:
    """Fractional numbers that an ONNX file stores."""
    return parameters_of(onnx.load_from_string(data))


def parameters_of(model: onnx.ModelProto) -> int:
    """As ``n_parameters``, of a file that is read already."""
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
    stored = model.graph.initializer
    return int(sum(np.prod(each.dims) for each in stored if each.data_type in kinds))


def package_bytes(model: MediaTrained) -> bytes:
    """The package; equal models give equal bytes."""
    about = card.About(
        task=model.task,
        target_name=model.target_name,
        classes=model.classes,
        class_weights=(),
        inputs=((model.column, model.kind),),
        n_parameters=model.n_parameters,
        depth=model.depth,
        limit=LIMITS[model.kind],
    )
    page = card.document(about, model.card, model.evidence)
    parts = {
        "preprocess.json": documents.write(_preprocess(model)),
        "model.onnx": model.onnx,
        "selftest.json": documents.write(
            {
                "format": SELF_TEST,
                "n_rows": len(model.outputs),
                "tolerance": golden.TOLERANCE,
            }
        ),
        "selftest.safetensors": tensor_file.write(_tensors(model)),
        "provenance.json": documents.write(model.provenance),
        "evidence.json": documents.write(model.evidence),
        "card.md": card.markdown(page).encode("utf-8", "replace"),
        "card.json": documents.write(page),
        "NOTICE": NOTICE.encode(),
    }
    files = {name: parts[name] for name in manifest.MEDIA_PARTS}
    head = manifest.build(files, target_name=model.target_name, form=manifest.MEDIA_FORMAT)
    return archive.write({manifest.NAME: head, **files})


def _preprocess(model: MediaTrained) -> dict[str, Any]:
    return {
        "format": PREPROCESS,
        "kind": model.kind,
        "column": model.column,
        "reading": dict(model.reading),
        "decoding": list(DECODING[model.kind]),
        "task": model.task,
        "classes": list(model.classes),
        "n_parameters": model.n_parameters,
        "depth": model.depth,
    }


def _tensors(model: MediaTrained) -> dict[str, Any]:
    """Padding is stored beside the inputs: a package holds finite numbers only."""
    stored = {"output": model.outputs}
    if model.golden.dtype == np.uint8:
        return {**stored, "input": model.golden}
    padded = np.isnan(model.golden[:, :, 0])
    return {
        **stored,
        "input": np.nan_to_num(model.golden, nan=0.0),
        "padded": padded.astype(np.uint8),
    }
