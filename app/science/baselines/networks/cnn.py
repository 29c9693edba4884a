"""A small CNN: convolutions of 3 x 3 with batch normalization, halved after each of three blocks.

Blocks may be residual. Nesterov momentum, label smoothing, crops and, where the mirror means the
same, flips. It reads the standardized maps that our own network reads.

Source: He, Zhang, Ren and Sun 2016, doi:10.1109/CVPR.2016.90.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.science.baselines.media import Candidate, Family, Inputs, MediaProblem
from app.science.images.pixels import standardization

MOMENTUM, WEIGHT_DECAY, SMOOTHING, PADDING = 0.9, 5e-4, 0.1, 2
RATE_ROWS = 128
"""Images a step that a rate is meant for; it shrinks with smaller batches."""
MEDIUM, SMALL_BATCH = 2_000, 32
"""Up to so many images, batches are small."""
SETTINGS = ((32, False, 0.05), (32, False, 0.2), (32, True, 0.1))
"""Width of the first block, whether blocks are residual, and the rate."""


class Cnn:
    """See ``Family``."""

    def candidates(self, problem: MediaProblem) -> Sequence[Candidate]:
        """Two rates, and a deeper network."""
        return [_candidate(problem, *setting) for setting in SETTINGS]

    def reader(self, problem: MediaProblem) -> Callable[[Inputs], Tensor]:
        """uint8 (b, h, w, c) to (b, c, h, w), at most 64 pixels a side."""
        return standardization(problem.inputs).maps

    def varied(self, batch: Tensor, problem: MediaProblem, rng: np.random.Generator) -> Tensor:
        """Crops keep a class, but a number may say where something lies."""
        padding = PADDING if problem.task != "regression" else 0
        return varied(batch, rng, mirrored=problem.mirrored, padding=padding)


def _candidate(problem: MediaProblem, width: int, residual: bool, rate: float) -> Candidate:
    small = len(problem.train) <= MEDIUM
    batch_rows = SMALL_BATCH if small else RATE_ROWS
    rate *= batch_rows / RATE_ROWS
    n_channels = problem.inputs.shape[3]
    return Candidate(
        facts={
            "network": "cnn",
            "width": width,
            "residual": residual,
            "momentum": MOMENTUM,
            "weight_decay": WEIGHT_DECAY,
            "label_smoothing": SMOOTHING,
            "crops": problem.task != "regression",
            "mirrored": problem.mirrored,
        },
        rate=rate,
        batch_rows=batch_rows,
        make=partial(network, n_channels, width, problem.n_outputs, residual=residual),
        optimizer=partial(nesterov, rate=rate),
        smoothing=SMOOTHING,
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(width, width), _convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.body(x)
        return x + change


def _convolution(n_in: int, n_out: int) -> nn.Sequential:
    layer = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


def network(n_channels: int, width: int, n_outputs: int, *, residual: bool) -> nn.Sequential:
    """From (b, c, h, w), 8 pixels a side at least, to (b, outputs); blocks double in width."""
    widths = [width, 2 * width, 4 * width]
    parts: list[nn.Module] = []
    for n_in, n_out in zip([n_channels, *widths[:-1]], widths, strict=True):
        parts += [_convolution(n_in, n_out), nn.MaxPool2d(2)]
        parts += [_Residual(n_out)] if residual else [_convolution(n_out, n_out)]
    parts += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], n_outputs)]
    found = nn.Sequential(*parts)
    found.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing there
    return found


def nesterov(model: nn.Module, rate: float) -> torch.optim.SGD:
    """The optimizer."""
    return torch.optim.SGD(
        model.parameters(), rate, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )


def varied(
    images: Tensor, rng: np.random.Generator, *, mirrored: bool, padding: int = PADDING
) -> Tensor:
    """One crop for the batch, and a flip of a random half."""
    height, width = images.shape[2:]
    padded = functional.pad(images, (padding,) * 4)
    row, column = rng.integers(0, 2 * padding + 1, 2)
    cropped = padded[:, :, row : row + height, column : column + width]
    if not mirrored:
        return cropped
    flip = torch.from_numpy(rng.random(len(images)) < 0.5).to(images.device)
    return torch.where(flip[:, None, None, None], cropped.flip(-1), cropped)


PLUGIN: Family = Cnn()
