"""One stage of the network: a convolution, ReLUs on both sides of a dead zone, and pooling.

With responses a and threshold t the units are relu(a - t) and relu(-a - t). Their averages over a
grid of windows are features; their averages over pairs of pixels, compressed to a few channels by a
linear map, are what a next stage reads.

Source: Coates and Ng 2011, ICML (two-sided thresholds, pooling on a grid).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from app.science.images.dictionary import Filters

Window = tuple[int, int]


@dataclass(frozen=True)
class Pool:
    """Averages over windows; kernel and stride (rows, columns) in pixels."""

    kernel: Window
    stride: Window

    def __call__(self, maps: Tensor) -> Tensor:
        """(b, m, h, w) to (b, m, h', w')."""
        return functional.avg_pool2d(maps, self.kernel, self.stride)


@dataclass(frozen=True)
class Compression:
    """A linear map between channels of pooled units, a 1 x 1 convolution.

    weight : (c, 2 m); bias : (c,); signs : (c,), see ``dictionary``; pool : comes before it
    """

    weight: Tensor
    bias: Tensor
    signs: Tensor
    pool: Pool


@dataclass(frozen=True)
class Stage:
    """Filters, the threshold of their units, the pooling to features and the way on, if any.

    threshold : in units of the responses, at least 0
    """

    filters: Filters
    threshold: float
    pool: Pool
    compression: Compression | None = None

    def run(self, maps: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (b, f) of maps (b, c, h, w), and the maps of the next stage."""
        sides = self._sides(maps)
        features = _pooled(sides, self.pool)
        if self.filters.mirrored:
            features = mirror_averaged(features)
        if self.compression is None:
            return features.flatten(1), None
        units = _pooled(sides, self.compression.pool).flatten(1, 2)
        onward = compressed(units, self.compression)
        return features.flatten(1), onward

    def units(self, maps: Tensor, pool: Pool) -> Tensor:
        """Pooled units (b, 2 m, h', w') alone."""
        return _pooled(self._sides(maps), pool).flatten(1, 2)

    def _sides(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """relu(a - t) and -relu(-a - t), each (b, m, h, w)."""
        responses = functional.conv2d(maps, self.filters.weight, self.filters.bias)
        shrunk = functional.softshrink(responses, self.threshold)
        return shrunk.clamp_min(0.0), shrunk.clamp_max_(0.0)


def _pooled(sides: tuple[Tensor, Tensor], pool: Pool) -> Tensor:
    """(b, 2, m, h', w'), both sides as they are in ``Stage``, not negative."""
    above, below = sides
    return torch.stack([pool(above), -pool(below)], dim=1)


def compressed(units: Tensor, compression: Compression) -> Tensor:
    """(b, 2 m, h, w) to (b, c, h, w)."""
    weight = compression.weight[:, :, None, None]
    return functional.conv2d(units, weight, compression.bias)


def mirror_averaged(units: Tensor) -> Tensor:
    """The mean of pooled units over an image and its mirror image, (b, 2, m / 2, g, g).

    Parameters
    ----------
    units : (b, 2, m, g, g) of a mirrored dictionary
    """
    plain, mirrored = units.chunk(2, dim=2)
    return (plain + mirrored.flip(-1)) / 2.0


def grid_pool(height: int, width: int, cells: int) -> Pool:
    """Equal windows that cover a map from edge to edge, symmetric under its mirror image."""
    stride = (max(1, height // cells), max(1, width // cells))
    kernel = (height - (cells - 1) * stride[0], width - (cells - 1) * stride[1])
    return Pool(kernel, stride)


def halving_pool(height: int, width: int) -> Pool:
    """Halves a map; windows of an odd side overlap by a pixel, so that no edge is left out."""
    return Pool((2 + height % 2, 2 + width % 2), (2, 2))
