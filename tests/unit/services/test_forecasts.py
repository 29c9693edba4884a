"""A stored forecast answers about other rows and other errors, and refuses to go further."""

from typing import Any

import pytest

from app.domain.errors import BeyondForecast
from app.services.forecasts import at, rows_for


def law(rows: float) -> float:
    return float(8.0 * rows**-0.5)


FORECAST: dict[str, Any] = {
    "band": [
        {"rows": n, "value": law(n), "low": 0.9 * law(n), "high": 1.2 * law(n)}
        for n in (100, 300, 1000, 4000)
    ]
}


@pytest.mark.parametrize("rows", [100, 150, 1000, 3999, 4000])
def test_a_power_law_is_read_exactly_between_the_points(rows: int) -> None:
    found = at(FORECAST, rows)

    assert found["rows"] == rows
    assert found["value"] == pytest.approx(law(rows))
    assert (found["low"], found["high"]) == pytest.approx((0.9 * law(rows), 1.2 * law(rows)))


@pytest.mark.parametrize("rows", [1, 99, 4001])
def test_nothing_is_said_beyond_what_was_measured(rows: int) -> None:
    with pytest.raises(BeyondForecast) as refused:
        at(FORECAST, rows)
    assert refused.value.remedy == "ask for 100 to 4,000 rows"


def test_rows_for_an_error_are_the_inverse() -> None:
    assert rows_for(FORECAST, law(640)) == 640
    assert rows_for(FORECAST, law(100) + 1.0) == 100
    assert rows_for(FORECAST, law(4000) - 1e-3) is None


def test_a_perfect_score_is_no_trouble() -> None:
    perfect = {
        "band": [{"rows": n, "value": v, "low": v, "high": v} for n, v in ((10, 1), (20, 0))]
    }
    assert at(perfect, 20)["value"] == 0
    assert rows_for(perfect, 0.5) in range(10, 21)


def test_a_forecast_that_could_not_be_made_says_so() -> None:
    with pytest.raises(BeyondForecast, match="no forecast could be made"):
        at({"unresolved": True}, 100)
    assert rows_for({"unresolved": True}, 0.1) is None
