from dataclasses import replace

import numpy as np
import pytest

from app.science import convex_heads as heads
from app.science.errors import DegenerateTarget
from app.science.point_sets import model, sets
from app.science.point_sets.plan import PointPlan
from app.science.point_sets.sets import PointSets
from tests.unit.science.point_sets.samples import SMALL, rings_and_discs


def test_learns_shapes_of_ragged_size() -> None:
    given, labels = rings_and_discs(300)
    fresh, truth = rings_and_discs(200, seed=1)

    found = model.fit(given, labels, "binary", plans=[SMALL])

    probabilities = found.predict(fresh)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(200))
    assert (probabilities.argmax(axis=1) == truth).mean() >= 0.95


def test_neighborhoods_show_what_single_points_do_not() -> None:
    """Short strokes along either diagonal at even random places: no point knows its direction."""
    given, labels = strokes(300, seed=0)
    fresh, truth = strokes(200, seed=1)

    with_hop, without = (
        model.fit(given, labels, "binary", plans=[replace(SMALL, radii=radii, heads=("ridge",))])
        for radii in ((0.4,), ())
    )

    assert (with_hop.predict(fresh).argmax(axis=1) == truth).mean() >= 0.95
    assert (without.predict(fresh).argmax(axis=1) == truth).mean() <= 0.8


def strokes(n_sets: int, *, seed: int) -> tuple[PointSets, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_sets)
    middles = rng.uniform(-1.0, 1.0, (n_sets, 20, 1, 2))
    along = rng.uniform(-0.1, 0.1, (n_sets, 20, 4, 1))
    steps = np.concatenate([along, along * (1.0 - 2.0 * labels)[:, None, None, None]], axis=3)
    return sets.from_arrays((middles + steps).reshape(n_sets, 80, 2)), labels


def test_channels_are_used() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    points = rng.standard_normal((200, 20, 3))
    points[:, :, 2] += labels[:, None]

    found = model.fit(sets.from_arrays(points, n_channels=1), labels, "binary", plans=[SMALL])

    given = sets.from_arrays(points, n_channels=1)
    assert (found.predict(given).argmax(axis=1) == labels).mean() >= 0.95


def test_regression_predicts_in_the_unit_of_the_target() -> None:
    rng = np.random.default_rng(0)
    size = rng.uniform(1.0, 3.0, 300)
    points = rng.standard_normal((300, 40, 2)) * size[:, None, None]
    given = sets.from_arrays(points)

    found = model.fit(given.take(np.arange(200)), 1000.0 * size[:200], "regression", plans=[SMALL])

    error = found.predict(given.take(np.arange(200, 300))) - 1000.0 * size[200:]
    assert np.sqrt((error**2).mean()) <= 0.35 * 1000.0 * size.std()


@pytest.mark.parametrize("name", list(heads.HEADS))
def test_every_head_learns_alone(name: str) -> None:
    given, labels = rings_and_discs(100)

    found = model.fit(given, labels, "binary", plans=[replace(SMALL, heads=(name,))])

    assert found.head_name == name
    assert (found.predict(given).argmax(axis=1) == labels).mean() >= 0.9


def test_the_head_of_least_held_out_loss_is_kept() -> None:
    given, labels = rings_and_discs(100)
    labels[::8] = 1 - labels[::8]  # none is enough

    found = model.fit(given, labels, "binary", plans=[replace(SMALL, heads=tuple(heads.HEADS))])

    assert set(found.losses) == set(heads.HEADS)
    assert found.losses[found.head_name] == min(found.losses.values())


def test_the_search_ends_with_the_first_plan_that_is_enough() -> None:
    given, labels = rings_and_discs(200)
    plans = (SMALL, replace(SMALL, n_ridges=64))

    easy = model.fit(given, labels, "binary", plans=plans)
    labels[::8] = 1 - labels[::8]
    hard = [model.fit(given, labels, "binary", plans=tried) for tried in (plans, plans[:1])]

    assert easy.plan == SMALL
    assert hard[0].validation_loss <= hard[1].validation_loss


def test_the_same_seed_gives_the_same_model() -> None:
    given, labels = rings_and_discs(100)

    first, second, other = (
        model.fit(given, labels, "binary", plans=[SMALL], seed=s).raw(given) for s in (3, 3, 4)
    )

    assert np.array_equal(first, second)
    assert not np.allclose(first, other)


def test_features_that_are_not_kept_give_the_same_model() -> None:
    given, labels = rings_and_discs(200)

    kept, streamed = (
        model.fit(given, labels, "binary", plans=[replace(SMALL, kept_bytes=n)]).predict(given)
        for n in (2**31, 0)
    )

    assert streamed == pytest.approx(kept, abs=1e-4)


def test_one_class_is_refused() -> None:
    given, labels = rings_and_discs(50)

    with pytest.raises(DegenerateTarget):
        model.fit(given, np.zeros_like(labels), "binary", plans=[PointPlan()])
