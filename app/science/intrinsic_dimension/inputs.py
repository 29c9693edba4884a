"""What callers hand in: points, labels and a progress callback, checked and made uniform."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.science.errors import DegenerateDistances, ScienceError
from app.science.intrinsic_dimension.neighbors import Progress


def as_tensor(points: NDArray[Any], device: str) -> Tensor:
    """Points as float32 or float64 on the device; shared with the caller where they fit."""
    if points.ndim != 2 or not points.size:
        raise ScienceError(f"points must be a table of rows and columns, got {points.shape}")
    dtype = np.float32 if points.dtype == np.float32 else np.float64
    dense = np.require(points, dtype, ["C", "W"])  # torch warns of arrays that are read-only
    tensor = torch.from_numpy(dense).to(device)
    if not bool(torch.isfinite(tensor).all()):
        raise DegenerateDistances("points must be finite")
    return tensor


def labels_of(labels: NDArray[Any], given: Tensor, kept: Tensor) -> NDArray[Any]:
    """Labels of the distinct rows."""
    if len(labels) != len(given):
        raise ScienceError(f"needs one label for each of {len(given)} rows, got {len(labels)}")
    some: NDArray[Any] = np.asarray(labels)[kept.cpu().numpy()]
    return some


def rising(progress: Progress) -> Progress:
    """Pass on only shares above all before; undoing rounding searches a second time."""
    highest = 0.0

    def tell(share: float) -> None:
        nonlocal highest
        if share > highest:
            highest = share
            progress(share)

    return tell


def ignore(_share: float) -> None:
    """No one asked for progress."""
