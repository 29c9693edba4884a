"""Radial kernels as profiles of the squared distance in units of the squared bandwidth.

Source: Beaglehole, Radhakrishnan, Pandit and Belkin 2022, arXiv:2212.13881 (Laplace and Gaussian
kernels in a learned metric).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from app.science.linalg import Floats, squared_distances

KernelName = Literal["gauss", "laplace"]

SMALLEST = 1e-8


@dataclass(frozen=True, slots=True)
class Kernel:
    """k = profile(s), and slope(s) = dk/ds, for s >= 0 of any shape."""

    name: KernelName
    fill: Callable[[torch.Tensor], torch.Tensor]
    """The profile, in place."""
    slope: Callable[[torch.Tensor], torch.Tensor]
    bandwidth: float
    """Where a search starts, in units of the median distance."""

    def profile(self, s: torch.Tensor) -> torch.Tensor:
        """K for every s."""
        return self.fill(s.clone())


def _gauss(s: torch.Tensor) -> torch.Tensor:
    return s.mul_(-0.5).exp_()


def _gauss_slope(s: torch.Tensor) -> torch.Tensor:
    return _gauss(s.clone()).mul_(-0.5)


def _laplace(s: torch.Tensor) -> torch.Tensor:
    return s.add_(SMALLEST).sqrt_().neg_().exp_()


def _laplace_slope(s: torch.Tensor) -> torch.Tensor:
    root = torch.sqrt(s + 1e-6)
    return -torch.exp(-root) / (2.0 * root)


KERNELS: dict[KernelName, Kernel] = {
    "laplace": Kernel("laplace", _laplace, _laplace_slope, 2.0),
    "gauss": Kernel("gauss", _gauss, _gauss_slope, 1.0),
}


def kernel_matrix(name: KernelName, Z: Floats, centers: Floats, squared_bandwidth: float) -> Floats:
    """(n, m), in float64: float32 would lose digits exactly where distances are small."""
    root = squared_bandwidth**0.5
    s = squared_distances(torch.as_tensor(Z / root), torch.as_tensor(centers / root))
    return KERNELS[name].fill(s).numpy()
