"""The metric finds the directions that matter, and stays the identity where nothing is gained."""

import numpy as np

from app.science.mimicry import metric
from tests.unit.science.mimicry.samples import index_model


def learn(rows: np.ndarray, y: np.ndarray) -> metric.Metric:
    columns = ((y - y.mean()) / y.std())[:, None]
    return metric.learn(rows, columns, "gauss", rng=np.random.default_rng(0))


def test_finds_the_index_direction_among_thirty() -> None:
    found = learn(*index_model())

    leading = found.matrix[:, 0] / np.linalg.norm(found.matrix[:, 0])
    assert abs(leading[:4].sum() / 2.0) > 0.98
    assert found.relevant_dimension < 1.5
    assert 1 - found.held_out_loss > 0.95
    assert found.identity_loss > 0.3


def test_keeps_the_identity_when_nothing_is_to_learn() -> None:
    rng = np.random.default_rng(1)

    found = learn(rng.normal(size=(800, 6)), rng.normal(size=800))

    assert found.iteration == 0
    assert (found.matrix == np.eye(6)).all()
    assert found.to_json()["identity_kept"]


def test_the_spectrum_sums_to_one_and_falls() -> None:
    spectrum = learn(*index_model(n=800)).spectrum

    assert abs(spectrum.sum() - 1.0) < 1e-9
    assert (np.diff(spectrum) <= 1e-12).all()
