"""One row's time, and the size that a limit on it allows."""

import math

import pytest

from app.science.errors import UnreachableLimit
from app.science.export.latency import broken_limit, most_within, single_row_ms
from tests.unit.science.export import models


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_the_whole_file_is_measured(task: str) -> None:
    model = models.trained(task)  # type: ignore[arg-type]

    milliseconds = single_row_ms(model.network, model.encoding)

    assert math.isfinite(milliseconds)
    assert milliseconds > 0


def linear_cost(n_motifs: int) -> float:
    return 0.1 + 0.001 * n_motifs


@pytest.mark.parametrize(("limit", "exact"), [(0.2, 100), (1.1, 1000), (0.15, 50)])
def test_the_largest_size_within_the_limit(limit: float, exact: int) -> None:
    found = most_within(limit, 4000, linear_cost)

    assert 0.94 * exact <= found <= exact
    assert linear_cost(found) <= limit + 1e-12


def test_a_loose_limit_costs_one_measurement() -> None:
    asked: list[int] = []

    def measure(n_motifs: int) -> float:
        asked.append(n_motifs)
        return linear_cost(n_motifs)

    assert most_within(10.0, 4000, measure) == 4000
    assert asked == [4000]


def test_a_limit_that_only_the_linear_model_meets() -> None:
    assert most_within(0.1001, 4000, linear_cost) == 0


def test_a_limit_below_the_linear_model_is_refused_with_its_time() -> None:
    with pytest.raises(UnreachableLimit, match="max_latency_ms") as refused:
        most_within(0.05, 4000, linear_cost)

    assert refused.value.smallest == pytest.approx(0.1)


def test_a_finished_network_is_held_against_its_limits() -> None:
    model = models.trained()
    size = model.network.n_parameters

    def broken(**limits: float) -> str | None:
        return broken_limit(model.network, model.encoding, **limits)  # type: ignore[arg-type]

    assert broken() is None
    assert broken(max_parameters=size, max_latency_ms=1e6) is None
    assert broken(max_parameters=size - 1, max_latency_ms=1e6) == "max_parameters"
    assert broken(max_parameters=size, max_latency_ms=1e-9) == "max_latency_ms"
