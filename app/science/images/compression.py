"""Principal components of a stage's units, as the few channels that the next stage reads.

The covariance is averaged over the mirror image, which exchanges the halves of a mirrored
dictionary. Its eigenvectors are then even or odd under that exchange, so that a compressed
channel of a mirrored image is the flipped channel times 1 or -1.

Source: Chan et al. 2015, doi:10.1109/TIP.2015.2475625 (PCANet). Differs from the paper: components
are of rectified units, and even and odd ones are kept apart.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from app.science.images.stage import Compression, Pool


def learn(units: Iterable[Tensor], n_channels: int, pool: Pool, *, mirrored: bool) -> Compression:
    """The leading components of pooled units.

    Parameters
    ----------
    units : blocks (b, 2 m, h, w), averaged by ``pool``
    mirrored : the units are of a mirrored dictionary
    """
    mean, covariance = _moments(units)
    if mirrored:
        vectors, signs = _even_and_odd(covariance, n_channels)
        even, _ = _bases(len(mean))
        mean = even @ (even.T @ mean)
    else:
        vectors = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :n_channels]
        signs = torch.ones(vectors.shape[1])
    bias = -(mean @ vectors)
    return Compression(vectors.T.float().contiguous(), bias.float(), signs, pool)


def _moments(units: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    count, total, square = 0, torch.zeros(()), torch.zeros(())
    for block in units:
        rows = block.movedim(1, -1).flatten(0, -2).double()
        count += len(rows)
        total = total + rows.sum(dim=0)
        square = square + rows.T @ rows
    mean = total / count
    return mean, square / count - torch.outer(mean, mean)


def _even_and_odd(covariance: Tensor, n_channels: int) -> tuple[Tensor, Tensor]:
    """Eigenvectors (2 m, c) of the averaged covariance, largest values first, and their signs."""
    found = []
    for basis, sign in zip(_bases(len(covariance)), (1.0, -1.0), strict=True):
        values, vectors = torch.linalg.eigh(basis.T @ covariance @ basis)
        found.append((values, basis @ vectors, torch.full_like(values, sign)))
    values = torch.cat([part[0] for part in found])
    order = values.argsort(descending=True)[:n_channels]
    vectors = torch.cat([part[1] for part in found], dim=1)[:, order]
    return vectors, torch.cat([part[2] for part in found])[order].float()


def _bases(width: int) -> tuple[Tensor, Tensor]:
    """Orthonormal bases (2 m, m) of what the exchange of halves leaves alone, and negates.

    Units come as [positive, negative] sides of [plain, mirrored] filters.
    """
    one_side = torch.eye(width // 4, dtype=torch.float64)
    sides = torch.eye(2, dtype=torch.float64)
    pairs = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64) / 2.0**0.5
    even, odd = (torch.kron(pair[:, None], one_side) for pair in pairs)
    return torch.kron(sides, even), torch.kron(sides, odd)
