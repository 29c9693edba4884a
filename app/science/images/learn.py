"""Learn a body from images alone, stage by stage, without labels.

Source: see ``dictionary`` and ``compression``.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.science.images import bend, compression, dictionary
from app.science.images.dictionary import DictionaryOptions, Filters
from app.science.images.network import Body
from app.science.images.pixels import Images, UnusableImages, standardization
from app.science.images.plan import Plan, StagePlan
from app.science.images.stage import Compression, Stage, compressed, grid_pool, halving_pool

SAMPLE_IMAGES = 2_000
SAMPLE_BYTES = 128 * 2**20
THRESHOLD_IMAGES = 100
COMPRESSION_IMAGES = 500
BLOCK_IMAGES = 8


@torch.no_grad()
def body(images: Images, plan: Plan) -> Body:
    """Filters, thresholds and compressions from a sample of the images (n, h, w, c).

    Raises
    ------
    UnusableImages
        The maps of some stage are smaller than its patches.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    sample = _sample(images, generator)
    standard = standardization(images)
    maps = standard.maps(sample)
    signs = torch.ones(maps.shape[1])
    stages: list[Stage] = []
    for stage_plan in plan.stages:
        stage = _stage(maps, signs, stage_plan, generator, mirrored=plan.mirrored)
        stages.append(stage)
        if stage.compression is not None:
            signs = stage.compression.signs
            maps = _onward(maps, stage, stage.compression)
    height, width, channels = images.shape[1:]
    bare = Body((height, width, channels), standard, tuple(stages))
    return replace(bare, bend=bend.root(bare.features(sample)))


def _onward(maps: Tensor, stage: Stage, compression: Compression) -> Tensor:
    parts = torch.split(maps, BLOCK_IMAGES)
    return torch.cat([compressed(stage.units(p, compression.pool), compression) for p in parts])


def _sample(images: Images, generator: torch.Generator) -> Images:
    size = min(SAMPLE_IMAGES, max(1, SAMPLE_BYTES // (4 * int(np.prod(images.shape[1:])))))
    chosen: NDArray[np.int64] = torch.randperm(len(images), generator=generator)[:size].numpy()
    return np.asarray(images[chosen])


def _stage(
    maps: Tensor, signs: Tensor, plan: StagePlan, generator: torch.Generator, *, mirrored: bool
) -> Stage:
    height, width = (extent - plan.patch + 1 for extent in maps.shape[2:])
    if min(height, width) < plan.cells:
        raise UnusableImages(
            f"maps of {maps.shape[2]} x {maps.shape[3]} pixels are too small for patches of side"
            f" {plan.patch} and {plan.cells} cells; choose smaller ones, or fewer stages"
        )
    options = DictionaryOptions(
        plan.n_filters, plan.patch, plan.whitening, mirrored=mirrored, clustered=plan.clustered
    )
    filters = dictionary.learn(maps, signs, options, generator)
    threshold = _quantile(maps[:THRESHOLD_IMAGES], filters, plan.quantile)
    stage = Stage(filters, threshold, grid_pool(height, width, plan.cells))
    if plan.channels is None:
        return stage
    pool = halving_pool(height, width)
    parts = torch.split(maps[:COMPRESSION_IMAGES], BLOCK_IMAGES)
    units: Iterator[Tensor] = (stage.units(part, pool) for part in parts)
    found = compression.learn(units, plan.channels, pool, mirrored=mirrored)
    return replace(stage, compression=found)


def _quantile(maps: Tensor, filters: Filters, share: float) -> float:
    """The share's quantile of absolute responses."""
    sizes = [
        torch.nn.functional.conv2d(part, filters.weight, filters.bias).abs().flatten()[::61]
        for part in torch.split(maps, BLOCK_IMAGES)
    ]
    return float(np.quantile(torch.cat(sizes).numpy(), share))
