import numpy as np
import pytest

from app.science.structure.near_pairs import near_pairs
from app.science.structure.noise import noise_level
from app.science.structure.structure_function import StructureFunction, structure_function


def measured(rows: np.ndarray, y: np.ndarray, ceiling: float = 0.1) -> StructureFunction:
    pairs = near_pairs(rows, y, np.random.default_rng(1))
    noise = noise_level(pairs, rows, y, ceiling, np.random.default_rng(2))
    return structure_function(pairs, noise, residual_kurtosis=3.0, rng=np.random.default_rng(3))


def target(rows: np.ndarray, jump: float, noise: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    smooth = np.sin(2 * rows[:, 0]) + 0.5 * rows[:, 1] ** 2
    found: np.ndarray = smooth + jump * (rows[:, 0] > 0.4 * rows[:, 1])
    return found + noise * rng.standard_normal(len(rows))


ROWS = np.random.default_rng(4).uniform(-1, 1, (2000, 2))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_smooth_target_has_exponents_p_and_index_two(noise: float) -> None:
    found = measured(ROWS, target(ROWS, 0.0, noise))

    assert found.jump_index is not None
    assert found.zeta[2] is not None
    assert found.jump_index.value == pytest.approx(2.0, abs=0.1)
    assert found.zeta[2].value == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_jump_brings_the_index_down(noise: float) -> None:
    found = measured(ROWS, target(ROWS, 2.0, noise))

    assert found.jump_index is not None
    assert found.jump_index.high < 1.6


def test_the_first_exponent_is_read_without_noise_only() -> None:
    clean, loud = (measured(ROWS, target(ROWS, 0.0, noise)) for noise in (0.0, 0.3))

    assert clean.zeta[1] is not None
    assert clean.zeta[1].value == pytest.approx(1.0, abs=0.1)
    assert loud.zeta[1] is None


def test_pure_noise_has_no_index() -> None:
    y = np.random.default_rng(6).standard_normal(len(ROWS))
    found = measured(ROWS, y, ceiling=1.1)

    assert found.jump_index is None
    assert found.noise_share > 0.9
