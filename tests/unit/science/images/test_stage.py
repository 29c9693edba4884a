"""Units are ReLUs on both sides of a dead zone; pools cover a map and respect its mirror image."""

import pytest
import torch
from torch.nn import functional

from app.science.images import bend
from app.science.images.dictionary import Filters
from app.science.images.stage import Stage, grid_pool, halving_pool


def test_features_are_means_of_relus() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 2, 9, 9, generator=generator)
    weight = torch.randn(4, 2, 3, 3, generator=generator)
    bias = torch.randn(4, generator=generator)
    stage = Stage(Filters(weight, bias, mirrored=False), 0.7, grid_pool(7, 7, 1))
    responses = functional.conv2d(maps, weight, bias)
    sides = [(sign * responses - 0.7).relu().mean(dim=(2, 3)) for sign in (1.0, -1.0)]
    features, onward = stage.run(maps)
    torch.testing.assert_close(features, torch.cat(sides, dim=1))
    assert onward is None


@pytest.mark.parametrize("side", [7, 8, 9, 23, 27])
@pytest.mark.parametrize("cells", [1, 2, 3, 4])
def test_a_grid_covers_every_pixel_and_commutes_with_the_mirror(side: int, cells: int) -> None:
    pool = grid_pool(side, side, cells)
    maps = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    pooled = pool(maps.requires_grad_())
    assert pooled.shape[2:] == (cells, cells)
    assert (torch.autograd.grad(pooled.sum(), maps)[0] > 0).all()
    torch.testing.assert_close(pool(maps.flip(-1)), pooled.flip(-1))


@pytest.mark.parametrize("side", [4, 5, 26, 27])
def test_halving_leaves_no_edge_out(side: int) -> None:
    maps = torch.arange(float(side)).expand(1, 1, side, side)
    halved = halving_pool(side, side)(maps)
    assert halved.shape[-1] == side // 2
    torch.testing.assert_close(halved.mean(), maps.mean())


def test_the_bend_is_the_root_at_its_knots_and_close_to_it_between() -> None:
    features = torch.linspace(0.0, 9.0, 901)[:, None]
    found = bend.Bend(torch.ones(1), *_polygon())
    bent = found.apply(features)
    torch.testing.assert_close(
        bent[[0, 10, 30, 100, 300, 900]], features.sqrt()[[0, 10, 30, 100, 300, 900]]
    )
    assert (bent - features.sqrt()).abs().max() < 0.17


def _polygon() -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = bend.root(torch.ones(4, 1))
    return found.knots, found.gains


def test_a_unit_that_never_fires_gives_finite_features() -> None:
    features = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    features[:, 1] = 0.0
    assert bend.root(features).apply(features).isfinite().all()
