"""Columns bent to a Gaussian shape: monotone, bounded, small, and only where the rule says so."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.science.encoding import normal_scores
from app.science.encoding.apply import on_polygon, transform
from app.science.encoding.encoding import MAX_KNOTS, NumericColumn, from_json
from app.science.encoding.fit import FittedEncoding, fit_encoding
from app.science.encoding.numeric import Shape
from app.science.errors import NoUsableColumns

N = 3000
RNG = np.random.default_rng(0)
COLUMNS = {
    "gauss": RNG.normal(5.0, 2.0, N),
    "uniform": RNG.uniform(size=N),
    "income": np.exp(1.5 * RNG.normal(size=N)),
    "two_modes": np.concatenate([RNG.normal(-4, 0.5, N // 2), RNG.normal(4, 0.5, N // 2)]),
    "half_zero": np.where(RNG.random(N) < 0.5, 0.0, RNG.exponential(size=N)),
    "rooms": RNG.integers(1, 12, N).astype(float) ** 3,
}


def fit(columns: dict[str, np.ndarray], shape: Shape) -> FittedEncoding:
    target = np.arange(len(next(iter(columns.values()))), dtype=float)
    roles = dict.fromkeys(columns, "number")
    return fit_encoding(columns, roles, target, "regression", seed=0, shape=shape)  # type: ignore[arg-type]


def column(fitted: FittedEncoding, name: str) -> NumericColumn:
    found = next(c for c in fitted.encoding.columns if c.name == name)
    assert isinstance(found, NumericColumn)
    return found


def test_columns_keep_their_shape_unless_asked() -> None:
    assert not any(column(fit(COLUMNS, "robust"), name).knots for name in COLUMNS)


def test_auto_bends_long_tails_and_many_modes_only() -> None:
    fitted = fit(COLUMNS, "auto")
    bent = {name for name in COLUMNS if column(fitted, name).knots}
    assert bent == {"income", "two_modes", "half_zero"}


def test_a_bent_column_is_about_gaussian() -> None:
    fitted = fit({name: COLUMNS[name] for name in ("uniform", "income", "two_modes")}, "quantile")
    for z in fitted.matrix.T:
        inner = z[np.abs(z) < 2.0]
        expected = NormalDist().cdf(2.0) - NormalDist().cdf(-2.0)
        assert len(inner) / N == pytest.approx(expected, abs=0.02)
        assert z.mean() == pytest.approx(0.0, abs=0.05)
        assert z.std() == pytest.approx(1.0, abs=0.05)


def test_ties_get_the_score_of_their_middle_rank() -> None:
    fitted = fit({"half_zero": COLUMNS["half_zero"]}, "quantile")
    zeros = COLUMNS["half_zero"] == 0.0
    expected = NormalDist().inv_cdf(zeros.mean() / 2.0)
    assert fitted.matrix[zeros, 0] == pytest.approx(expected)


def test_few_distinct_values_stay() -> None:
    assert not column(fit(COLUMNS, "quantile"), "rooms").knots


def test_values_beyond_the_training_range_run_on_a_little() -> None:
    fitted = fit({"uniform": COLUMNS["uniform"]}, "quantile")
    top = fitted.matrix.max()
    new = transform(fitted.encoding, {"uniform": np.array([1.0001, 2.0, 1e300, np.inf, -np.inf])})
    assert (new[:4, 0] >= top).all()
    assert new[:4].max() <= top + normal_scores.RUN_BEYOND + 1e-9
    assert new[4, 0] >= fitted.matrix.min() - normal_scores.RUN_BEYOND - 1e-9


def test_missing_numbers_still_get_the_median_and_a_flag() -> None:
    gaps = COLUMNS["income"].copy()
    gaps[::5] = np.nan
    fitted = fit({"income": gaps}, "auto")
    answer = transform(fitted.encoding, {"income": np.array([np.nan, np.nanmedian(gaps)])})
    np.testing.assert_array_equal(answer[:, 1], [1.0, 0.0])
    assert answer[0, 0] == answer[1, 0] == pytest.approx(0.0, abs=0.05)


def test_training_rows_and_json_agree_with_applying() -> None:
    fitted = fit(COLUMNS, "auto")
    read = from_json(fitted.encoding.to_json(), fitted.encoding.tensors())
    np.testing.assert_array_equal(transform(read, COLUMNS), fitted.matrix)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        np.float64,
        st.integers(20, 60),
        elements=st.floats(-1e12, 1e12),
    )
)
def test_any_column_stays_finite_monotone_and_small(values: np.ndarray) -> None:
    try:
        fitted = fit({"any": values}, "quantile")
    except NoUsableColumns:
        return  # a constant
    found = column(fitted, "any")
    assert len(found.knots) <= MAX_KNOTS
    order = np.argsort(values)
    assert np.isfinite(fitted.matrix).all()
    assert (np.diff(fitted.matrix[order, 0]) >= -1e-9).all()


def test_a_polygon_goes_through_its_corners_and_on_beyond_them() -> None:
    z = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
    answer = on_polygon(z, (0.0, 1.0, 2.0), (0.0, 10.0, 11.0))
    assert answer == pytest.approx([-10.0, 0.0, 5.0, 10.0, 11.0, 12.0])
