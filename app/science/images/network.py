"""The trained network: standardization, stages, polygon and a head; all of it ReLUs.

Source: none; see ``dictionary``, ``stage``, ``bend`` and ``convex_heads``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.science.images.bend import Bend
from app.science.images.pixels import Images, Standardization, UnusableImages, batches, checked
from app.science.images.stage import Stage
from app.science.parallel import side_by_side
from app.science.relu_network.evaluate import n_outputs, predict_raw
from app.science.relu_network.network import Network, Task

RESPONSE_BYTES, GPU_RESPONSE_BYTES = 8 * 2**20, 512 * 2**20
"""Of one block of responses: passes over an array that fits the cache are several times faster,
and a GPU has to be kept busy."""
FEATURE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Body:
    """Everything before the head; bend is None while the body is being learned.

    shape : (height, width, channels) of the images
    """

    shape: tuple[int, int, int]
    standardization: Standardization
    stages: tuple[Stage, ...]
    bend: Bend | None = None

    @property
    def device(self) -> torch.device:
        """Where its features are computed."""
        return self.standardization.center.device

    def on(self, device: torch.device | str) -> "Body":
        """The same on a device."""
        moved: Body = _moved(self, torch.device(device))
        return moved

    def features(self, images: Images) -> Tensor:
        """(n, f) float32 of images (n, h, w, c), all at once, on the CPU."""
        if not len(images):
            return torch.empty((0, self.width))
        parts = side_by_side(self._block, batches(images, self._images_per_block()))
        return torch.cat(parts).cpu()

    def blocks(
        self, images: Images, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Row numbers (b,) and features (b, f), in the order of ``rows``."""
        size = self.rows_per_block
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield part, self.features(images[part])

    @property
    def rows_per_block(self) -> int:
        """Rows whose features are held at once; at least a block of a GPU."""
        least = 16 if self.device.type == "cpu" else self._images_per_block()
        return max(least, FEATURE_BYTES // (4 * self.width))

    @property
    def width(self) -> int:
        """Number of features."""
        blank = np.zeros((1, *self.shape), dtype=np.uint8)
        return self._block(blank).shape[1]

    @torch.no_grad()
    def _block(self, images: Images) -> Tensor:
        maps: Tensor | None = self.standardization.maps(images)
        found = []
        for stage in self.stages:
            assert maps is not None  # noqa: S101 - every stage but the last one compresses
            features, maps = stage.run(maps)
            found.append(features)
        features = torch.cat(found, dim=1)
        return features if self.bend is None else self.bend.apply(features)

    def _images_per_block(self) -> int:
        side = self.stages[0].filters.weight.shape[-1]
        height, width = (extent // self.standardization.square for extent in self.shape[:2])
        n_filters = len(self.stages[0].filters.weight)
        of_one = 4 * n_filters * (height - side + 1) * (width - side + 1)
        most = RESPONSE_BYTES if self.device.type == "cpu" else GPU_RESPONSE_BYTES
        return max(1, most // of_one)


def _moved(part: Any, device: torch.device) -> Any:  # noqa: ANN401 (tensors and what holds them)
    """Tensors, and tuples and dataclasses of them, on the device; all else as it is."""
    if isinstance(part, Tensor):
        return part.to(device)
    if isinstance(part, tuple):
        return tuple(_moved(each, device) for each in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part, **{each.name: _moved(getattr(part, each.name), device) for each in fields(part)}
        )
    return part


@dataclass(frozen=True)
class ImageNetwork:
    """A body, and the network over its features that ends in logits or a number."""

    body: Body
    head: Network

    @property
    def classes(self) -> tuple[str, ...]:
        """Empty for a regression."""
        return self.head.classes

    @property
    def task(self) -> Task:
        """Of the head."""
        return self.head.task

    def logits(self, images: NDArray[np.generic]) -> NDArray[np.float64]:
        """(n, c), or (n, 1) in the target's unit, of uint8 images (n, h, w, channels).

        Raises
        ------
        UnusableImages
            Another type or shape than the network was trained on.
        """
        pixels = checked(images)
        if pixels.shape[1:] != self.body.shape:
            raise UnusableImages(
                f"the network reads images of shape {self.body.shape}, got {pixels.shape[1:]};"
                " resize them first"
            )
        rows = np.arange(len(pixels))
        blocks = [predict_raw(self.head, F.numpy()) for _, F in self.body.blocks(pixels, rows)]
        return np.concatenate([np.empty((0, n_outputs(self.head))), *blocks])
