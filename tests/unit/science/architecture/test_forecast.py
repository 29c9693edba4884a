"""A known power law is found again, theory only leads where the curve is silent."""

import json

import numpy as np
import pytest

from app.science.architecture.forecast import Forecast, Interval, forecast
from app.science.architecture.learning_curve import LearningCurve
from app.science.errors import BeyondForecast
from app.science.relu_network.network import Task

SIZES = np.array([250, 500, 1000, 2000, 4000, 8000])
DIMENSION = Interval(4.0, 3.0, 5.0)


def curve(
    floor: float, exponent: float, *, error: float = 1e-3, task: Task = "regression"
) -> LearningCurve:
    losses = floor + 5.0 * SIZES**-exponent
    return LearningCurve(
        task=task,
        sizes=SIZES,
        losses=losses,
        covariance=np.diag((error * losses) ** 2),
        n_rows=10_000,
        kernel="laplace",
    )


def made(floor: float, exponent: float, error: float = 1e-3) -> Forecast:
    return forecast(curve(floor, exponent, error=error), DIMENSION)


@pytest.mark.parametrize(("floor", "exponent"), [(0.05, 0.5), (0.0, 0.3), (0.2, 0.8)])
def test_a_power_law_is_continued(floor: float, exponent: float) -> None:
    found = made(floor, exponent)

    for rows in (16_000, 32_000):
        truth = (floor + 5.0 * rows**-exponent) ** 0.5
        ahead = found.at(rows)
        assert ahead.value == pytest.approx(truth, rel=0.04)
        assert ahead.low <= truth <= ahead.high


def test_classes_are_forecast_in_nats() -> None:
    found = forecast(curve(0.05, 0.5, task="binary"), DIMENSION)

    assert found.at(8000).value == pytest.approx(0.05 + 5.0 * 8000**-0.5, rel=0.03)
    assert found.to_json()["metric"] == "log_loss"


def test_the_band_widens_with_the_distance() -> None:
    found = made(0.05, 0.5)

    near, far = found.at(9000), found.at(80_000)

    assert far.high / far.low > near.high / near.low


def test_a_noisy_curve_has_a_wider_band() -> None:
    sharp, noisy = (made(0.05, 0.5, error=error).at(32_000) for error in (1e-3, 1e-1))

    assert noisy.high - noisy.low > 2.0 * (sharp.high - sharp.low)


def test_a_flat_curve_is_a_noise_floor() -> None:
    found = made(0.5, 2.0)

    assert found.verdict == "noise floor"
    assert "more rows will not help" in found.sentence()
    assert found.noise_floor().value == pytest.approx(0.5**0.5, rel=0.02)


def test_a_steep_curve_asks_for_rows() -> None:
    found = made(0.0, 0.5)

    halved = found.rows_to_halve_excess()
    assert found.verdict == "more rows help"
    assert halved.low <= 4.0 <= halved.high
    assert "To halve the excess error" in found.sentence()


def test_theory_is_stated_beside_the_fit() -> None:
    theory = made(0.05, 0.5).theoretical_exponent()

    assert theory == Interval(2 / 6, 1 / 6, 4 / 7)


def test_too_far_ahead_is_refused() -> None:
    found = made(0.05, 0.5)

    with pytest.raises(BeyondForecast, match="80,000"):
        found.at(80_001)


def test_rows_for_a_target_reach_it() -> None:
    found = made(0.0, 0.5)
    target = 0.7 * found.at(8000).value

    rows = found.rows_for(target)

    assert rows is not None
    assert found.at(rows).value <= target < found.at(round(0.9 * rows)).value
    assert found.rows_for(1e-9) is None


def test_the_document_is_plain_json() -> None:
    document = json.loads(json.dumps(made(0.05, 0.5).to_json(), allow_nan=False))

    assert document["most_rows"] == 80_000
    assert [point["rows"] for point in document["measured"]] == SIZES.tolist()
    assert all(point["low"] <= point["value"] <= point["high"] for point in document["band"])
    assert {"exponent", "theoretical_exponent", "rows_to_halve_excess", "verdict"} <= set(document)


def test_the_same_seed_gives_the_same_forecast() -> None:
    assert made(0.05, 0.5).to_json() == made(0.05, 0.5).to_json()
