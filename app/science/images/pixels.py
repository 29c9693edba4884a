"""The first step of the network: uint8 images to standardized float32 maps of a workable size.

Large images are averaged over whole squares of pixels, which is a convolution, so the network
needs no resizing operator that differs between runtimes.

Source: none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from app.science.errors import ScienceError

Images = NDArray[np.uint8]

MAX_SIDE = 224
WORKING_SIDE = 64
"""Larger images are averaged down to at most this many pixels on the longer side."""
STATISTICS_ROWS = 5_000


class UnusableImages(ScienceError):
    """An array that is no stack of 8-bit images of a supported size."""


@dataclass(frozen=True)
class Standardization:
    """One center and scale a color channel, and the side of the squares that are averaged.

    center, scale : (c,), float32, in units of 8-bit pixel values; square : pixels
    """

    center: Tensor
    scale: Tensor
    square: int

    def maps(self, images: Images) -> Tensor:
        """(b, h, w, c) to float32 (b, c, h / square, w / square), channels last in memory."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.center.device)
        x = (pixels.float() - self.center) / self.scale
        x = x.permute(0, 3, 1, 2)  # a view: the memory stays channels last
        return x if self.square == 1 else functional.avg_pool2d(x, self.square)


def checked(images: NDArray[np.generic]) -> Images:
    """The array itself, if it holds images.

    Raises
    ------
    UnusableImages
        Not uint8 (n, h, w, c) with 1 to 4 channels and sides of 8 to 224 pixels.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not 1 <= images.shape[3] <= 4:
        raise UnusableImages(
            f"wanted uint8 images (n, height, width, 1 to 4 channels), got {images.dtype} of"
            f" shape {images.shape}; convert them to 8 bits and add the channel axis"
        )
    sides = images.shape[1:3]
    if min(sides) < 8 or max(sides) > MAX_SIDE:
        raise UnusableImages(
            f"sides must be 8 to {MAX_SIDE} pixels, got {sides[0]} x {sides[1]}; resize the images"
        )
    return np.asarray(images, dtype=np.uint8)


def standardization(images: Images) -> Standardization:
    """Center and scale of evenly spaced images, and squares that bring them to a workable size."""
    sample = images[:: max(1, len(images) // STATISTICS_ROWS)]
    counts = [np.bincount(sample[..., k].ravel(), minlength=256) for k in range(images.shape[3])]
    shares = np.stack(counts) / sample[..., 0].size  # (c, 256), exact sums without a float copy
    center = shares @ np.arange(256.0)
    scale = np.sqrt((shares * (np.arange(256.0) - center[:, None]) ** 2).sum(axis=1))
    return Standardization(
        center=torch.tensor(center, dtype=torch.float32),
        scale=torch.tensor(np.maximum(scale, 1.0), dtype=torch.float32),
        square=-(-max(images.shape[1:3]) // WORKING_SIDE),
    )


def batches(images: Images, size: int) -> Iterator[Images]:
    """Runs of ``size`` images."""
    for start in range(0, len(images), size):
        yield images[start : start + size]
