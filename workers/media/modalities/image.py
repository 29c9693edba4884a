"""Images: whitened patch dictionaries as convolutions, and a convex head on what they pool."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from app.science.images import fit, onnx_graph, select
from app.science.images.fit import Fitted
from app.science.images.pixels import MAX_SIDE, WORKING_SIDE
from app.science.images.plan import Plan, StagePlan
from app.science.linalg import Floats
from app.science.relu_network.evaluate import answers
from app.science.structure.invariance.groups.image_mirrors import LEFT_TO_RIGHT
from app.science.structure.invariance.layout import Images, Layout
from app.tables.media_blocks import image_blocks
from workers.media import frozen
from workers.media.modality import Inputs, Modality, Rows, Trained, Training, decided

MIN_SIDE = 16
"""Two stages need as many pixels; smaller images are enlarged."""
STUDY_SIDE = 16
BLOCK_BYTES, BLOCK_ROWS = 32 << 20, 256
THUMBNAIL = 64
MIRROR_TOLERANCE = 1e-5
PRODUCTS_A_SECOND = 1e10
"""Of one thread, half of what was measured."""
BASE_SECONDS, SECONDS_AN_IMAGE = 60.0, 0.02
"""What a network is worth, unless the job has to end earlier."""


SAID = {
    "ridge": "one linear layer by least squares",
    "kernel": "kernel ridge in a metric of its own gradients, carried over to ReLUs",
}


class ImageModality:
    """See ``workers.media.modality.Modality``."""

    rival = "cnn"

    def reading(self, profile: Mapping[str, Any], *, extracted: bool = False) -> dict[str, Any]:
        """One size for all: their own, or the middle one of at most 64 pixels a side.

        An extractor gets up to 224: those that were trained on photographs want as many.
        """
        most = MAX_SIDE if extracted else WORKING_SIDE
        sides = [profile[side]["quantiles"]["0.5"] for side in ("height", "width")]
        height, width = (round(side) for side in sides)
        if len(profile["sizes"]) > 1 or not _is_workable(height, width):
            factor = most / max(sides)
            factor = min(factor, max(1.0, MIN_SIDE / min(sides)))
            height, width = (min(most, max(MIN_SIDE, round(factor * side))) for side in sides)
        gray = all(entry["level"] == "L" for entry in profile["modes"])
        return {"height": height, "width": width, "channels": 1 if gray else 3}

    def load(
        self, folder: Path, column: str, reading: Mapping[str, Any], rows: Rows, path: Path
    ) -> None:
        """uint8 (n, height, width, channels)."""
        size = (reading["height"], reading["width"])
        channels = reading["channels"]
        shape = (len(rows), *size, channels)
        stored = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        done = 0
        for block in image_blocks(
            folder, column, size, channels=channels, max_bytes=BLOCK_BYTES, rows=rows
        ):
            stored[done : done + len(block.rows)] = block.pixels
            done += len(block.rows)
        stored.flush()

    def vectors(self, inputs: Inputs, most: int) -> Floats:
        """Pixels, averaged over squares where there are more than ``most``."""
        side = int(np.sqrt(max(most, inputs.shape[3]) / inputs.shape[3]))
        return _shrunk(inputs, side).reshape(len(inputs), -1)

    def study(self, inputs: Inputs, seed: int) -> tuple[Floats, Layout]:
        """Gray images of at most 16 pixels a side."""
        del seed
        small = _shrunk(inputs, STUDY_SIDE).mean(axis=3)
        return small.reshape(len(small), -1), Images(*small.shape[1:])

    def plan(self, training: Training, accepted: Mapping[str, list[str]]) -> dict[str, Any]:
        """The most filters that fit, with fixed thresholds and windows.

        An extractor that the dataset brings takes their place.
        """
        if training.extractor is not None:
            return frozen.plan(training, training.extractor)
        mirrored = LEFT_TO_RIGHT in accepted.get("image_mirrors", [])
        plan = select.by_size(
            training.inputs,
            mirrored=mirrored,
            memory_bytes=training.memory_bytes,
            max_products=_seconds(training) * PRODUCTS_A_SECOND * torch.get_num_threads(),
            seed=training.seed,
        )
        n_filters = sum(stage.n_filters for stage in plan.stages)
        return {
            "plan": plan.to_json(),
            "n_motifs": n_filters,
            "depth": len(plan.stages) + 1,
            "width": plan.width,
            "evidence": _evidence(plan, training),
        }

    def symmetries(self, plan: Mapping[str, Any]) -> dict[str, bool]:
        """Left and right."""
        return {"mirrored": plan.get("mirrored", False)}

    def fit(self, training: Training, plan: Mapping[str, Any]) -> Trained:
        """Learn the filters without labels, then solve the head."""
        if training.extractor is not None:
            return frozen.fit(training, training.extractor, plan)
        found = fit.fit(
            training.inputs,
            training.y,
            training.task,
            training.classes,
            _plan(plan),
            device=training.device,
        )
        network = found.network
        return Trained(
            onnx=onnx_graph.build(network),
            outputs=lambda inputs: answers(network.task, network.logits(inputs)),
            symmetries={"mirrored": (_mirrored, MIRROR_TOLERANCE)} if found.plan.mirrored else {},
            facts={
                "head": found.head,
                "losses": dict(found.losses),
                "validation_loss": found.losses[found.head],
                "n_features": network.body.width,
            },
            said=_said(found),
        )

    def draw(self, axes: Axes, one: Inputs) -> None:
        """The image itself, of few pixels."""
        small = _shrunk(one[None], THUMBNAIL)[0]
        axes.imshow(small, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")


def _is_workable(height: int, width: int) -> bool:
    """Whether the network can read the size as it is, averaged over squares where it is large."""
    longer, shorter = max(height, width), min(height, width)
    return longer <= MAX_SIDE and shorter // -(-longer // WORKING_SIDE) >= MIN_SIDE


def _shrunk(inputs: Inputs, side: int) -> Floats:
    """(n, h, w, c) averages over squares, of at most ``side`` squares a side, in 0 to 1."""
    n, height, width, channels = inputs.shape
    square = min(height, width, -(-max(height, width) // side))
    rows, columns = height // square, width // square
    found = np.empty((n, rows, columns, channels))
    for start in range(0, n, BLOCK_ROWS):
        block = inputs[start : start + BLOCK_ROWS, : rows * square, : columns * square]
        cells = block.reshape(len(block), rows, square, columns, square, channels)
        found[start : start + BLOCK_ROWS] = cells.mean(axis=(2, 4), dtype=np.float64)
    found /= 255.0
    return found


def _mirrored(inputs: Inputs) -> Inputs:
    return inputs[:, :, ::-1]


def _plan(document: Mapping[str, Any]) -> Plan:
    stages = tuple(StagePlan(**stage) for stage in document["stages"])
    return Plan(**{**document, "stages": stages, "heads": tuple(document["heads"])})


def _seconds(training: Training) -> float:
    return min(training.seconds, BASE_SECONDS + SECONDS_AN_IMAGE * len(training.inputs))


def _said(found: Fitted) -> tuple[str, ...]:
    stages = " and ".join(
        f"{len(stage.filters.bias)} filters" for stage in found.network.body.stages
    )
    return (
        f"Filters were learned from patches of the images without their labels: {stages}. Their "
        "rectified responses are averaged over windows, and the head reads the averages.",
        "The head is the only part that saw labels. It was solved, not trained: "
        f"{SAID[found.head]}, with a loss of {found.losses[found.head]:.3g} on held-out rows.",
        "The result is exactly a convolutional network with ReLUs.",
    )


def _evidence(plan: Plan, training: Training) -> list[dict[str, Any]]:
    """Each decision with its rule, as the report shows it."""
    first = plan.stages[0]
    known = "fixed: races of small networks chose no better"
    return [
        decided(
            "filters",
            ", ".join(str(stage.n_filters) for stage in plan.stages),
            f"the most whose features of all {len(training.inputs):,} images fit "
            f"{training.memory_bytes >> 20:,} MiB and {_seconds(training):,.0f} s",
            "Thiry et al. 2021, arXiv:2101.07528",
        ),
        decided(
            "heads",
            " and ".join(plan.heads),
            "both, of which held-out images choose, where the time suffices",
            "Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717",
        ),
        decided("whitening", first.whitening, known, "Coates, Ng and Lee 2011"),
        decided("threshold", first.quantile, known, "Coates and Ng 2011"),
        decided(
            "mirror images",
            "averaged" if plan.mirrored else "told apart",
            "averaged where the test of invariances accepts that left and right change sides",
            "Elesedy and Zaidi 2021, arXiv:2102.10333",
        ),
    ]


PLUGIN: Modality = ImageModality()
