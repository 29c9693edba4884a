"""Which size images are read at, whatever sizes they have; and that a network can read it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.science.images import learn, select
from workers.media.modalities.image import ImageModality


def profile(height: float, width: float, *, n_sizes: int = 1, modes: str = "L") -> dict[str, Any]:
    """The part of a column's profile that counts."""
    return {
        "height": {"quantiles": {"0.5": height}},
        "width": {"quantiles": {"0.5": width}},
        "sizes": [{"level": "", "count": 1}] * n_sizes,
        "modes": [{"level": mode, "count": 1} for mode in modes],
    }


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (profile(8, 8), (16, 16)),
        (profile(28, 28), (28, 28)),
        (profile(32, 40), (32, 40)),
        (profile(224, 224), (224, 224)),
        (profile(500, 250), (64, 32)),
        (profile(16, 200), (16, 64)),
        (profile(2, 2000), (16, 64)),
        (profile(300, 400, n_sizes=3), (48, 64)),
        (profile(20, 24, n_sizes=3), (20, 24)),
        (profile(10, 12.5, n_sizes=3), (16, 20)),
    ],
)
def test_a_size_that_a_network_can_read(found: dict[str, Any], wanted: tuple[int, int]) -> None:
    reading = ImageModality().reading(found)
    shape = (4, reading["height"], reading["width"], 1)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    assert (reading["height"], reading["width"], reading["channels"]) == (*wanted, 1)
    plan = select.by_size(images, mirrored=False)
    small = tuple(
        replace(stage, n_filters=4, clustered=False, channels=stage.channels and 4)
        for stage in plan.stages
    )
    assert learn.body(images, replace(plan, stages=small)).width > 0
    assert ImageModality().vectors(images, 16).shape[1] > 0


def test_one_colored_image_makes_all_colored() -> None:
    gray, colored = (ImageModality().reading({**profile(28, 28), "modes": m})["channels"] for m in (
        [{"level": "L", "count": 9}], [{"level": "L", "count": 8}, {"level": "RGB", "count": 1}],
    ))  # fmt: skip
    assert (gray, colored) == (1, 3)


def test_an_extractor_gets_photographs_as_large_as_it_may_have_been_trained_on() -> None:
    photographs = profile(3000, 4000, n_sizes=3, modes="RGB")
    found = ImageModality().reading(photographs, extracted=True)

    assert found == {"height": 168, "width": 224, "channels": 3}
