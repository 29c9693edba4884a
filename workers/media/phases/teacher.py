"""Phase ``teacher``: fit the network. Its head is the convex model, so nothing is carried over."""

from typing import Any

import numpy as np

from app.science.export import golden
from app.science.export.errors import SelfTestFailed
from app.science.export.media_runtime import Session
from app.science.export.media_writer import n_parameters
from workers.context import Context
from workers.media.modality import Inputs, Trained, inputs_of, medium, training_of
from workers.media.model import MODEL
from workers.phase import Phase

MAX_GOLDEN, GOLDEN_BYTES = 64, 4 << 20


def run(context: Context) -> dict[str, Any]:
    """Leave the network, and golden test inputs with the outputs that it must give.

    Raises ``SelfTestFailed`` where the file computes something else, or sees a change of the
    inputs that it must not see.
    """
    training = training_of(context)
    plan = context.read_json("architecture", "architecture.json")["plan"]
    trained = medium(context).modality.fit(training, plan)
    context.progress(0.9, "proving the file")
    chosen = _golden(context)
    outputs = trained.outputs(chosen).reshape(len(chosen), -1)
    differences = _differences(Session(trained.onnx, training.task), trained, chosen, outputs)
    context.path(MODEL).write_bytes(trained.onnx)
    stored = {"output": outputs, "inputs": chosen}
    context.write_arrays("golden.safetensors", stored)
    document = {
        **trained.facts,
        "n_parameters": n_parameters(trained.onnx),
        "differences": differences,
        "sentences": list(trained.said),
    }
    context.write_json("teacher.json", document, public=True)
    return {key: value for key, value in document.items() if key != "sentences"}


def _golden(context: Context) -> Inputs:
    """A seeded draw of test inputs, of a few MB. Their targets are not looked at."""
    inputs = inputs_of(context, "test")
    most = max(4, min(MAX_GOLDEN, GOLDEN_BYTES // max(1, inputs[:1].nbytes)))
    rows = np.random.default_rng(context.seed).permutation(len(inputs))[:most]
    return np.asarray(inputs[np.sort(rows)])


def _differences(
    session: Session, trained: Trained, inputs: Inputs, outputs: Inputs
) -> dict[str, float]:
    """Of the file from the network, and of its answers to changed inputs; all relative."""
    shape = outputs.shape
    given = session.outputs(inputs).reshape(shape)
    found = {"onnx": golden.relative_difference(given, outputs)}
    allowed = {"onnx": golden.TOLERANCE}
    for name, (changed, tolerance) in trained.symmetries.items():
        answer = session.outputs(np.ascontiguousarray(changed(inputs))).reshape(shape)
        found[name] = golden.relative_difference(answer, given)
        allowed[name] = tolerance
    for name, difference in found.items():
        if difference > allowed[name]:
            raise SelfTestFailed(
                differences={name: difference}, tolerance=allowed[name], n_rows=len(inputs)
            )
    return found


PLUGIN: Phase = run
