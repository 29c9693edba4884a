"""Features in parallel blocks, each with a head of its own, and what that does to the variance.

The joint head solves one problem over all features. B parallel heads each see their share of the
features, fit the target alone and are averaged: a network of parallel subnetworks. Without a
penalty this moves the interpolation peak from n features to B n. A skip path gives every block
the inputs themselves as well.

Source: Nakada and Imaizumi 2021, arXiv:2103.00500 (parallel networks and residual ones satisfy
its condition on the risk of large models). Differs from the paper: the head's exact variance is
computed instead of its bound.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.science.linalg import Floats
from app.science.structure.nested_ridge import Rows, Spectrum

BLOCKS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class BlockHead:
    """Risk and variance of averaged heads, as in ``nested_ridge.Solved``.

    width : features of all blocks together, the skip path counted once
    """

    n_blocks: int
    skip: bool
    width: int
    ridgeless_risk: float
    ridgeless_noise_gain: float
    tuned_risk: float
    tuned_noise_gain: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def parallel_blocks(
    rows: Rows, width: int, *, n_skip: int = 0, n_blocks: Sequence[int] = BLOCKS
) -> tuple[BlockHead, ...]:
    """Heads in blocks over the first ``width`` columns, and without the skip path over as many.

    Parameters
    ----------
    n_skip : leading columns that are the inputs themselves
    """
    drawn = np.arange(n_skip, width)
    skip = np.arange(n_skip)
    heads = [
        _block_head(rows, [np.concatenate([skip, drawn[b::each]]) for b in range(each)], n_skip)
        for each in n_blocks
    ]
    if n_skip:
        others = np.arange(n_skip, min(n_skip + width, rows.F.shape[1]))
        heads.append(_block_head(rows, [others], 0))
    return tuple(heads)


def _block_head(rows: Rows, blocks: Sequence[np.ndarray], n_skip: int) -> BlockHead:
    found = [Spectrum.of(rows.columns(block.tolist())) for block in blocks]
    ridgeless = _average(found, [0.0] * len(found))
    tuned = _average(found, [spectrum.tuned().penalty for spectrum in found])
    width = sum(len(block) for block in blocks) - n_skip * (len(blocks) - 1)
    return BlockHead(len(blocks), n_skip > 0, width, *ridgeless, *tuned)


def _average(spectra: Sequence[Spectrum], penalties: Sequence[float]) -> tuple[float, float]:
    """Risk and noise gain of the mean of the heads."""
    n, judging = len(spectra[0].left), spectra[0].rows.judging
    truth = spectra[0].rows.y_held[judging]
    prediction, smoother = np.zeros_like(truth), np.zeros((len(truth), n))
    for spectrum, penalty in zip(spectra, penalties, strict=True):
        prediction += spectrum.predict(penalty, judging) / len(spectra)
        smoother += spectrum.smoother(penalty, judging) @ spectrum.left.T / len(spectra)
    return _mean_square(prediction - truth), _mean_square(smoother) + 1.0 / n


def _mean_square(values: Floats) -> float:
    return float((values**2).sum(axis=1).mean())
