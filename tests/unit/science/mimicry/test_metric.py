"""The search finds the directions that matter, and the metric says how many there are."""

from dataclasses import replace

import numpy as np

from app.science.mimicry.search import Candidate, Search
from tests.unit.science.mimicry.samples import index_model


def search(rows: np.ndarray, y: np.ndarray) -> Search:
    columns = ((y - y.mean()) / y.std())[:, None]
    rng = np.random.default_rng(0)
    order = rng.permutation(len(rows))
    n_held = len(rows) // 5
    return Search(rows, columns, (order[n_held:], order[:n_held]), rng)


def found(rows: np.ndarray, y: np.ndarray) -> list[Candidate]:
    return search(rows, y).run()


def test_finds_the_index_direction_among_thirty() -> None:
    candidates = found(*index_model())

    best = candidates[-1]
    leading = best.metric.matrix[:, 0] / np.linalg.norm(best.metric.matrix[:, 0])
    assert abs(leading[:4].sum() / 2.0) > 0.98
    assert best.metric.relevant_dimension < 1.5
    assert best.held_out_loss < 0.05
    assert candidates[0].metric.start == "gains^0"
    assert candidates[0].held_out_loss > 0.3


def test_two_relevant_columns_among_forty_that_gradients_alone_miss() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (1500, 40))
    y = np.sign(rows[:, 0]) * rows[:, 1] + 0.05 * rng.normal(size=1500)

    candidates = found(rows, y)

    plain = min(c.held_out_loss for c in candidates if c.metric.start == "gains^0")
    assert candidates[-1].held_out_loss < 0.5 * plain
    assert candidates[-1].metric.start != "gains^0"


def test_no_candidate_pretends_where_nothing_is_to_learn() -> None:
    rng = np.random.default_rng(1)

    candidates = found(rng.normal(size=(800, 6)), rng.normal(size=800))

    assert candidates[-1].held_out_loss > 0.9


def test_the_spectrum_sums_to_one_and_falls() -> None:
    spectrum = found(*index_model(n=800))[-1].metric.spectrum

    assert abs(spectrum.sum() - 1.0) < 1e-9
    assert (np.diff(spectrum) <= 1e-12).all()


def test_the_bandwidth_is_narrowed_only_while_held_out_rows_gain() -> None:
    rows = np.random.default_rng(2).uniform(-1, 1, (3000, 2))
    looking = search(rows, np.sin(9.0 * rows[:, 0]) * np.cos(7.0 * rows[:, 1]))
    wide = next(candidate for candidate in looking.run() if candidate.kernel == "gauss")
    tiny = replace(wide, bandwidth=0.02)

    narrowed = looking.narrowed(wide)

    assert narrowed.bandwidth < wide.bandwidth
    assert narrowed.held_out_loss < 0.5 * wide.held_out_loss
    assert looking.narrowed(tiny).bandwidth == tiny.bandwidth
