import numpy as np
import pytest

from app.science.mimicry.metric import scaled
from app.science.structure import probe
from app.science.structure.probe import Shape
from tests.unit.science.mimicry.samples import index_model

PLAIN = Shape(scaled(np.ones(4), "columns"), "gauss", 1.0)


def wave(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n, 4))
    return rows, np.sin(3 * rows[:, 0]) * rows[:, 1] + 0.3 * rng.standard_normal(n)


def test_errors_without_the_row_are_those_on_fresh_rows() -> None:
    seen_rows, y = wave(600, 0)
    fresh, truth = wave(4000, 1)
    fitted = probe.fit(PLAIN, seen_rows, y, 200)
    seen = ((fitted.predict(seen_rows) - y) ** 2).mean()
    left_out = ((fitted.out_of_sample - y) ** 2).mean()
    unseen = ((fitted.predict(fresh) - truth) ** 2).mean()

    assert left_out == pytest.approx(unseen, rel=0.15)
    assert seen < 0.9 * left_out


def test_predictions_stay_in_the_range_of_the_targets() -> None:
    seen_rows, y = wave(300, 0)
    far = probe.fit(PLAIN, seen_rows, y, 100).predict(1e3 * seen_rows)

    assert y.min() <= far.min()
    assert far.max() <= y.max()


def test_the_chosen_metric_finds_the_columns_that_count() -> None:
    seen_rows, y = index_model(n=1500)
    plain = probe.fit(Shape(scaled(np.ones(30), "columns"), "gauss", 1.0), seen_rows, y, 250)
    chosen = probe.fit(probe.choose(seen_rows, y, np.random.default_rng(0)), seen_rows, y, 250)

    assert chosen.gcv < 0.3 * plain.gcv


def test_a_given_metric_is_kept() -> None:
    seen_rows, y = wave(400, 0)
    matrix = np.eye(4)[:, :2]
    shape = probe.choose(seen_rows, y, np.random.default_rng(0), matrix)

    assert shape.metric.start == "given"
    assert np.array_equal(shape.metric.matrix, matrix)
