"""Whitening is folded into the filters; mirrored dictionaries commute with the mirror image."""

import torch
from torch.nn import functional

from app.science.images import compression, dictionary
from app.science.images.dictionary import DictionaryOptions
from app.science.images.stage import Stage, compressed, grid_pool, halving_pool

OPTIONS = DictionaryOptions(n_filters=8, patch=3)


def maps(seed: int = 0) -> torch.Tensor:
    noise = torch.randn(40, 2, 13, 12, generator=torch.Generator().manual_seed(seed))
    return functional.avg_pool2d(noise, 2, 1) + 0.5


def learned(options: DictionaryOptions, signs: torch.Tensor | None = None) -> dictionary.Filters:
    signs = torch.ones(2) if signs is None else signs
    return dictionary.learn(maps(), signs, options, torch.Generator().manual_seed(1))


def test_responses_have_mean_zero_and_even_spread() -> None:
    options = DictionaryOptions(n_filters=8, patch=3, whitening=1e-3, mirrored=False)
    filters = learned(options)
    responses = functional.conv2d(maps(), filters.weight, filters.bias)
    of_filter = responses.movedim(1, 0).flatten(1)
    assert of_filter.mean(dim=1).abs().max() < 0.05
    assert 0.8 < of_filter.std(dim=1).min() <= of_filter.std(dim=1).max() < 1.2


def test_a_mirrored_image_has_mirrored_responses_with_halves_exchanged() -> None:
    signs = torch.tensor([1.0, -1.0])
    filters = learned(OPTIONS, signs)
    straight = functional.conv2d(maps(), filters.weight, filters.bias)
    turned = functional.conv2d(dictionary.mirror(maps(), signs), filters.weight, filters.bias)
    torch.testing.assert_close(turned.roll(4, dims=1).flip(-1), straight)


def test_a_second_stage_sees_the_mirror_as_a_flip_with_signs() -> None:
    filters = learned(OPTIONS)
    stage = Stage(filters, 0.5, grid_pool(10, 9, 2))
    pool = halving_pool(10, 9)
    found = compression.learn([stage.units(maps(), pool)], 12, pool, mirrored=True)
    onward = compressed(stage.units(maps(), pool), found)
    turned = compressed(stage.units(maps().flip(-1), pool), found)
    torch.testing.assert_close(turned, dictionary.mirror(onward, found.signs))
    assert set(found.signs.tolist()) == {1.0, -1.0}


def test_compression_to_all_channels_keeps_distances() -> None:
    stage = Stage(learned(OPTIONS), 0.5, grid_pool(10, 9, 2))
    pool = halving_pool(10, 9)
    units = stage.units(maps(), pool)
    found = compression.learn([units[:20], units[20:]], 16, pool, mirrored=True)
    gap, kept = units[0] - units[1], compressed(units, found)
    torch.testing.assert_close((kept[0] - kept[1]).norm(dim=0), gap.norm(dim=0))


def test_the_same_seed_gives_the_same_filters() -> None:
    assert torch.equal(learned(OPTIONS).weight, learned(OPTIONS).weight)
