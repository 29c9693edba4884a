"""Gaps: complete rows first, then without the worst columns, filled rows as the last resort."""

import numpy as np
import pytest

from app.science.intrinsic_dimension.missing import complete_part
from app.science.intrinsic_dimension.report import measure


def gaps(*shares: float, n: int = 1000) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return np.random.default_rng(0).random((n, len(shares))) < np.array(shares)


def test_nothing_is_left_out_where_nothing_is_missing() -> None:
    part = complete_part(gaps(0.0, 0.0))

    assert part.rows.all()
    assert part.columns.all()
    assert not part.imputed


def test_few_gaps_cost_their_rows() -> None:
    missing = gaps(0.05, 0.05, 0.0)

    part = complete_part(missing)

    assert part.columns.all()
    assert not missing[part.rows].any()


def test_a_column_full_of_gaps_goes_before_the_rows_do() -> None:
    part = complete_part(gaps(0.0, 0.9, 0.02, 0.0))

    assert part.columns.tolist() == [True, False, True, True]
    assert part.rows.mean() > 0.9


def test_gaps_everywhere_are_kept_and_said() -> None:
    part = complete_part(gaps(0.4, 0.4, 0.4, 0.4))

    assert part.imputed
    assert part.rows.all()


def test_a_single_column_is_never_dropped_to_nothing() -> None:
    part = complete_part(gaps(0.5))

    assert part.columns.any()


def test_filled_rows_would_have_read_too_low() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(size=(3000, 5))
    missing = gaps(0.04, 0.04, 0.04, 0.04, 0.0, n=3000)
    filled = np.where(missing, 0.5, points)

    part = complete_part(missing)
    whole = measure(points).recommended.value

    assert measure(filled[part.rows]).recommended.value == pytest.approx(whole, rel=0.06)
    assert measure(filled[missing.any(axis=1)]).recommended.value < 0.9 * whole
