"""Models of images over the frozen features of an extractor that the dataset brings.

The features come out of a sandbox, are kept in a file, and a convex head is solved on them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.science import convex_heads
from app.science.convex_heads import Candidate
from app.science.errors import UnusableExtractor
from app.science.images.extractor import Extractor
from app.science.images.extractor_graph import features_file, model_file
from app.science.linalg import Floats
from app.science.mimicry import head as convex
from app.science.mimicry import target
from app.science.relu_network.evaluate import answers, predict_raw
from app.science.relu_network.network import Network
from workers.media.modality import Inputs, Trained, Training, decided
from workers.media.sandbox import Sandbox

HEADS = ("ridge", "logistic", "kernel")


def plan(training: Training, extractor: Extractor) -> dict[str, Any]:
    """The heads to try, and what is known of the features."""
    _check_memory(training, extractor)
    return {
        "plan": {"heads": HEADS},
        "n_motifs": extractor.n_features,
        "depth": extractor.depth + 1,
        "evidence": _evidence(extractor),
    }


def fit(training: Training, extractor: Extractor, plan: Mapping[str, Any]) -> Trained:
    """Have the features made, then solve the head."""
    shape = training.inputs.shape[1:]
    sandbox = Sandbox(
        features_file(extractor, shape),
        extractor.n_features,
        training.folder / "extractor",
        memory_bytes=training.memory_bytes,
        seconds=training.seconds,
    )
    assert isinstance(training.inputs, np.memmap)  # noqa: S101  (see ``inputs_of``)
    features = sandbox.run(Path(str(training.inputs.filename)))
    found, losses = convex_heads.solve(
        convex.Features(np.asarray, extractor.n_features),
        features,
        target.make(training.y, training.task, training.classes),
        plan["heads"],
        seed=training.seed,
        memory_bytes=training.memory_bytes,
        device=training.device,
    )
    return Trained(
        onnx=model_file(extractor, shape, found.network),
        outputs=lambda inputs: _outputs(sandbox, found.network, inputs),
        symmetries={},
        facts={
            "head": found.name,
            "losses": dict(losses),
            "validation_loss": found.validation_loss,
            "n_features": extractor.n_features,
            "extractor": {"sha256": extractor.sha256, "n_parameters": extractor.n_parameters},
        },
        said=_said(extractor, found),
    )


def _outputs(sandbox: Sandbox, head: Network, inputs: Inputs) -> Floats:
    """The reference."""
    path = sandbox.folder / "inputs.npy"
    np.save(path, inputs)
    return answers(head.task, predict_raw(head, sandbox.run(path)))


def _check_memory(training: Training, extractor: Extractor) -> None:
    needed = convex_heads.squares_bytes(extractor.n_features)
    if needed > training.memory_bytes:
        raise UnusableExtractor(
            f"gives {extractor.n_features:,} features, whose products need {needed >> 20:,} MiB "
            f"of the {training.memory_bytes >> 20:,} MiB allowed",
            "take an earlier or a pooled output",
        )


def _said(extractor: Extractor, found: Candidate) -> tuple[str, ...]:
    return (
        f"The dataset brings a feature extractor, so no filters were learned: its "
        f"{extractor.n_parameters:,} parameters (SHA-256 {extractor.sha256}) are frozen and give "
        f"{extractor.n_features:,} numbers an image. Mirror images are not averaged over.",
        f"The head is the only part that saw labels here. It was solved, not trained: {found.name} "
        f"won with a loss of {found.validation_loss:.3g} on held-out training rows. What the "
        "extractor itself was trained on is not known to us.",
        "Extractor and head are one network in one ONNX file.",
    )


def _evidence(extractor: Extractor) -> list[dict[str, Any]]:
    """Each decision with its rule, as the report shows it."""
    return [
        decided(
            "features",
            f"{extractor.n_features:,}, frozen",
            "a dataset's extractor is used where there is one",
            f"extractor.onnx of {extractor.n_parameters:,} parameters, SHA-256 {extractor.sha256}",
        ),
        decided(
            "head",
            " or ".join(HEADS),
            "least held-out loss",
            "Radhakrishnan et al. 2024, doi:10.1126/science.adi5639",
        ),
    ]
