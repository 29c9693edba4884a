"""Radial kernels as profiles of the squared distance in units of the squared bandwidth.

Source: Beaglehole, Radhakrishnan, Pandit and Belkin 2022, arXiv:2212.13881 (Laplace and Gaussian
kernels in a learned metric).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

KernelName = Literal["gauss", "laplace"]

SMALLEST = 1e-8


@dataclass(frozen=True, slots=True)
class Kernel:
    """k = profile(s), and slope(s) = dk/ds, for s >= 0 of any shape."""

    name: KernelName
    profile: Callable[[torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor], torch.Tensor]
    bandwidths: tuple[float, ...]
    """Bandwidths to try, in units of the median distance."""


def _gauss(s: torch.Tensor) -> torch.Tensor:
    return torch.exp(-0.5 * s)


def _gauss_slope(s: torch.Tensor) -> torch.Tensor:
    return -0.5 * torch.exp(-0.5 * s)


def _laplace(s: torch.Tensor) -> torch.Tensor:
    return torch.exp(-torch.sqrt(s + SMALLEST))


def _laplace_slope(s: torch.Tensor) -> torch.Tensor:
    root = torch.sqrt(s + 1e-6)
    return -torch.exp(-root) / (2.0 * root)


KERNELS: dict[KernelName, Kernel] = {
    "laplace": Kernel("laplace", _laplace, _laplace_slope, (1.0, 2.0)),
    "gauss": Kernel("gauss", _gauss, _gauss_slope, (0.5, 1.0)),
}
