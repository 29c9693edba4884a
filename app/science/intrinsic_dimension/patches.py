"""The neighbors of a row as a small cloud of its own, for estimators that look at directions.

Source: own. Patches are made a few at a time, so their memory does not grow with the rows.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from app.science.errors import DegenerateDistances
from app.science.intrinsic_dimension.neighbors import Neighbors

_BLOCK_BYTES = 32 * 2**20


def centered_patches(neighbors: Neighbors, k: int, *, at_most: int) -> Iterator[Tensor]:
    """Blocks of patches, (b, k, p) float64, each with mean zero.

    Parameters
    ----------
    k : rows in a patch, the query row left out; no more than were searched are used
    at_most : patches in all, at query rows spread evenly

    Raises
    ------
    DegenerateDistances
        ``neighbors`` does not hold the points.
    """
    if neighbors.points is None:
        raise DegenerateDistances("needs the points, not their distances alone")
    near = neighbors.indices[:: -(-len(neighbors.indices) // at_most), :k]
    per_patch = 8 * near.shape[1] * neighbors.points.shape[1]
    for some in torch.split(near, max(1, _BLOCK_BYTES // per_patch)):
        patches = neighbors.points[some].double()
        yield patches - patches.mean(dim=1, keepdim=True)


def local_spectra(neighbors: Neighbors, k: int, *, at_most: int) -> Tensor:
    """Variances along the principal axes of each patch; (m, min(k, p)), descending."""
    found = []
    for patches in centered_patches(neighbors, k, at_most=at_most):
        wide = patches.shape[2] > patches.shape[1]
        gram = patches @ patches.mT if wide else patches.mT @ patches
        found.append(torch.linalg.eigvalsh(gram).flip(1).clamp_min(0) / (patches.shape[1] - 1))
    return torch.cat(found)
