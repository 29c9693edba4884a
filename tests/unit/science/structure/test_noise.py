import numpy as np
import pytest

from app.science.structure.near_pairs import near_pairs
from app.science.structure.noise import NoiseLevel, noise_level, power_law


def level(rows: np.ndarray, y: np.ndarray, ceiling: float = 1.0) -> NoiseLevel:
    pairs = near_pairs(rows, y, np.random.default_rng(1))
    return noise_level(pairs, rows, y, ceiling, np.random.default_rng(2))


@pytest.mark.parametrize("sd", [0.1, 0.4])
def test_both_readings_find_the_variance_of_a_smooth_target(sd: float) -> None:
    rng = np.random.default_rng(3)
    rows = rng.uniform(-1, 1, (2000, 2))
    y = np.sin(3 * rows[:, 0]) + rows[:, 1] + sd * rng.standard_normal(2000)
    found = level(rows, y)

    assert found.variance.low <= sd**2 <= found.variance.high
    for reading in found.readings.values():
        assert reading.value == pytest.approx(sd**2, rel=0.25)


def test_rows_that_share_all_columns_decide() -> None:
    rng = np.random.default_rng(3)
    rows = np.repeat(rng.uniform(-1, 1, (500, 2)), 2, axis=0)
    y = np.sign(rows[:, 0]) + 0.2 * rng.standard_normal(1000)
    found = level(rows, y)

    assert found.by == "replicates"
    assert found.variance.low <= 0.04 <= found.variance.high


def test_copies_of_records_are_no_replicates() -> None:
    rng = np.random.default_rng(3)
    rows = rng.uniform(-1, 1, (500, 2))
    y = rows[:, 0] + 0.2 * rng.standard_normal(500)
    found = level(np.vstack([rows, rows]), np.concatenate([y, y]))

    assert "replicates" not in found.readings
    assert found.variance.value > 0.02


def test_no_reading_exceeds_the_ceiling() -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((600, 12))
    y = rows.sum(axis=1)

    assert level(rows, y, ceiling=0.05).variance.high <= 0.05


def test_a_power_law_is_recovered_exactly() -> None:
    log_r = np.linspace(-3.0, 0.0, 10)
    fitted = power_law(log_r, 0.2 + 3.0 * np.exp(1.5 * log_r), np.full(10, 1e-3), ceiling=1.0)

    assert float(fitted.variance) == pytest.approx(0.1, rel=1e-3)
    assert float(fitted.exponent) == pytest.approx(1.5)
