"""Estimates follow their formula, refuse what cannot fit, and say where they are extrapolated."""

import json
from dataclasses import replace

import numpy as np
import pytest

from app.science.architecture import cost, make_cost
from app.science.architecture.cost import CostOptions, CostTable, estimate
from app.science.architecture.make_cost import Measurement

TABLE = CostTable(
    seconds={
        "start": {"fixed": 2.0},
        "teacher": {"fixed": 1.0, "rows": 3.0},
        "baseline": {"rows": 50.0},
    },
    memory={"fixed": 5e8, "cells": 1e8},
    seconds_ratio={"p50": 1.0, "p90": 2.0},
    memory_ratio={"p50": 1.0, "p90": 1.5},
    fitted_on={"ranges": {"rows": [100, 20_000], "columns": [2, 50], "classes": [0, 10]}},
)


def jobs(noise: float, seed: int = 0) -> list[Measurement]:
    rng = np.random.default_rng(seed)
    sizes = np.geomspace(300, 30_000, 24).round().astype(int)
    made = []
    for rows in sizes:
        teacher = float((1.0 + 4.0 * rows / 1e4) * np.exp(noise * rng.normal()))
        memory = int((6e8 + 1e8 * rows / 1e4) * np.exp(noise * rng.normal()))
        by_phase = {"start": 2.0, "teacher": teacher}
        made.append(Measurement("made", int(rows), 10, 0, 2.0 + teacher, memory, by_phase))
    return made


def test_seconds_and_memory_follow_the_formula() -> None:
    found = estimate(10_000, 10, table=TABLE)

    assert found.seconds_p50 == pytest.approx(2.0 + 4.0 + 50.0)
    assert found.seconds_p90 == pytest.approx(112.0)
    assert (found.memory_p50, found.memory_p90) == (600_000_000, 900_000_000)
    assert found.by_phase["teacher"] == pytest.approx(4.0)
    assert found.accepted
    assert found.warnings == ()


def test_only_the_phases_of_the_job_are_paid() -> None:
    options = CostOptions(phases=("teacher",))

    assert estimate(10_000, 10, 0, options, TABLE).seconds_p50 == pytest.approx(6.0)


def test_a_limit_of_the_baselines_limits_their_seconds() -> None:
    options = CostOptions(baseline_seconds=10.0)

    assert estimate(10_000, 10, 0, options, TABLE).seconds_p50 == pytest.approx(16.0)


def test_a_fine_tune_costs_its_share() -> None:
    plain, tuned = (
        estimate(10_000, 10, 0, CostOptions(fine_tune=asked), TABLE) for asked in (False, True)
    )

    assert tuned.seconds_p50 - plain.seconds_p50 == pytest.approx(0.3 * 4.0)


@pytest.mark.parametrize(
    ("options", "word"),
    [(CostOptions(memory_bytes=500_000_000), "memory"), (CostOptions(max_seconds=50.0), "rows")],
)
def test_what_cannot_fit_is_refused_with_the_reason(options: CostOptions, word: str) -> None:
    found = estimate(10_000, 10, 0, options, TABLE)

    assert not found.accepted
    assert word in found.reason


@pytest.mark.parametrize(
    "options", [CostOptions(memory_bytes=700_000_000), CostOptions(max_seconds=60.0)]
)
def test_what_may_not_fit_is_accepted_with_a_warning(options: CostOptions) -> None:
    found = estimate(10_000, 10, 0, options, TABLE)

    assert found.accepted
    assert "one job in ten" in found.warnings[0]


def test_extrapolation_and_unmeasured_phases_are_said() -> None:
    found = estimate(90_000, 10, 0, CostOptions(phases=("teacher", "dance")), TABLE)

    assert any("90,000 rows lie outside" in warning for warning in found.warnings)
    assert any("dance" in warning for warning in found.warnings)


def test_a_larger_table_never_costs_less_by_the_shipped_coefficients() -> None:
    sizes = [(500, 5, 0), (5000, 5, 0), (5000, 50, 0), (5000, 50, 8), (50_000, 50, 8)]

    found = [estimate(*size) for size in sizes]

    assert [f.seconds_p50 for f in found] == sorted(f.seconds_p50 for f in found)
    assert [f.memory_p90 for f in found] == sorted(f.memory_p90 for f in found)
    assert all(f.seconds_p50 <= f.seconds_p90 for f in found)
    json.dumps(found[0].to_json(), allow_nan=False)


def test_the_fit_finds_the_coefficients_of_exact_jobs() -> None:
    document = make_cost.fit(jobs(noise=0.0))

    names = CostTable.__dataclass_fields__
    table = CostTable(**{name: document[name] for name in names})
    assert document["seconds_ratio"]["p90"] == pytest.approx(1.0, abs=0.05)
    assert estimate(5000, 10, table=table).seconds_p50 == pytest.approx(5.0, rel=0.05)
    assert estimate(5000, 10, table=table).memory_p50 == pytest.approx(6.5e8, rel=0.05)


def test_about_nine_of_ten_new_jobs_stay_below_p90() -> None:
    document = make_cost.fit(jobs(noise=0.3))
    table = CostTable(**{name: document[name] for name in CostTable.__dataclass_fields__})

    new = [job for seed in range(1, 6) for job in jobs(noise=0.3, seed=seed)]
    below = [job.memory <= estimate(job.rows, job.columns, table=table).memory_p90 for job in new]

    assert 0.8 <= np.mean(below) <= 0.99


def test_the_quantile_counts_the_job_to_come() -> None:
    ratios = [float(value) for value in range(1, 20)]

    assert cost.upper_quantile(ratios, 0.9) == 18.0
    assert cost.upper_quantile(ratios[:3], 0.9) == 3.0


def test_other_quantiles_change_the_estimate() -> None:
    wide = replace(TABLE, seconds_ratio={"p50": 1.0, "p90": 5.0})

    found = estimate(10_000, 10, table=wide)

    assert found.seconds_p90 == pytest.approx(5.0 * found.seconds_p50)
