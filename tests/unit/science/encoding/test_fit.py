import subprocess
import sys

import numpy as np
import pytest

from app.science.encoding.apply import MissingColumn, WrongColumnType, transform
from app.science.encoding.encoding import CategoricalColumn, Columns, NumericColumn, from_json
from app.science.encoding.fit import FittedEncoding, Role, fit_encoding
from app.science.errors import NoUsableColumns, ScienceError

N = 600


def text(*levels: str | None, n: int = N) -> np.ndarray:
    """Levels in turn, (n,), as object."""
    return np.array([levels[row % len(levels)] for row in range(n)], dtype=object)


def fit(columns: Columns, target: np.ndarray | None = None, seed: int = 0) -> FittedEncoding:
    roles: dict[str, Role] = {
        name: "categorical" if values.dtype == object else "number"
        for name, values in columns.items()
    }
    y = np.random.default_rng(5).normal(size=N) if target is None else target
    return fit_encoding(columns, roles, y, "regression", seed=seed)


def table() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    gaps = rng.normal(50.0, 10.0, size=N)
    gaps[::7] = np.nan
    return {
        "plain": rng.normal(size=N),
        "gaps": gaps,
        "color": text("red", "green", "blue", None),
        "sex": text("f", "m", "m"),
    }


def reasons(fitted: FittedEncoding) -> dict[str, str]:
    return {column.name: column.reason for column in fitted.dropped}


def test_applying_reproduces_the_training_matrix_without_target_encodings() -> None:
    columns = table()
    fitted = fit(columns)

    again = transform(fitted.encoding, columns)

    np.testing.assert_array_equal(again, fitted.matrix)
    assert again.dtype == np.float64
    assert fitted.matrix.shape == (N, 1 + 2 + 4 + 1)


def test_groups_cover_the_outputs_in_order() -> None:
    fitted = fit(table())
    spans = [(group.name, group.kind, group.start, group.stop) for group in fitted.groups]
    assert spans == [
        ("plain", "numeric", 0, 1),
        ("gaps", "numeric", 1, 3),
        ("color", "one_hot", 3, 7),
        ("sex", "one_hot", 7, 8),
    ]


def test_survives_json_and_tensors() -> None:
    columns = table()
    encoding = fit(columns).encoding
    read = from_json(encoding.to_json(), encoding.tensors())
    np.testing.assert_array_equal(transform(read, columns), transform(encoding, columns))


def test_missing_numbers_get_the_median_and_a_flag() -> None:
    fitted = fit(table())
    new = {**table(), "gaps": np.full(N, np.nan)}
    gaps = transform(fitted.encoding, new)[:, 1:3]
    np.testing.assert_array_equal(gaps, np.tile([0.0, 1.0], (N, 1)))


def test_an_outlier_neither_moves_the_scale_nor_passes_the_clip() -> None:
    clean = np.random.default_rng(1).normal(size=N)
    wild = clean.copy()
    wild[:2] = 1e12, np.inf
    a, b = (fit({"x": x}).encoding.columns[0] for x in (clean, wild))
    assert isinstance(a, NumericColumn)
    assert isinstance(b, NumericColumn)

    assert b.scale == pytest.approx(a.scale, rel=0.02)
    encoded = transform(fit({"x": wild}).encoding, {"x": np.array([-np.inf, 1e308, 0.0])})
    assert np.abs(encoded).max() <= 36.0


def test_a_heavy_tail_is_not_cut() -> None:
    delay = np.random.default_rng(2).exponential(size=N) ** 3
    z = fit({"delay": delay}).matrix[:, 0]
    assert np.unique(z).size == N


def test_a_zero_inflated_column_keeps_its_other_values() -> None:
    gain = np.zeros(N)
    gain[::50] = np.arange(1, 13)
    assert np.unique(fit({"gain": gain}).matrix).size == 13


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_an_uneven_zero_one_column_keeps_unit_spread(share: float) -> None:
    flag = (np.arange(N) < share * N).astype(float)
    flag[-1] = 1e9
    assert fit({"flag": flag}).matrix[:-1].std() == pytest.approx(1.0, rel=0.2)


def test_drops_what_carries_nothing_and_says_why() -> None:
    columns = {
        **table(),
        "same": np.full(N, 3.0),
        "jitter": 1e9 + 1e-7 * np.arange(N),
        "none": np.full(N, np.nan),
        "blank": text(None),
        "word": text("only"),
        "twin": table()["gaps"],
        "colour": text("rot", "gruen", "blau", None),
        "key": np.array([f"id{row}" for row in range(N)], dtype=object),
    }
    fitted = fit(columns)
    assert reasons(fitted) == {
        "same": "constant",
        "jitter": "constant",
        "none": "all values are missing",
        "blank": "all values are missing",
        "word": "constant",
        "twin": "repeats 'gaps'",
        "colour": "repeats 'color'",
        "key": f"looks like an identifier: {N} levels in {N} rows",
    }
    assert [column.name for column in fitted.encoding.columns] == list(table())


def test_a_constant_with_gaps_keeps_their_place() -> None:
    value = np.where(np.arange(N) % 3 == 0, np.nan, 1e17)
    fitted = fit({"returned": value})
    np.testing.assert_array_equal(fitted.matrix[:, 0], -1.0 * np.isnan(value))


def test_nothing_usable_is_an_error_with_the_reasons() -> None:
    with pytest.raises(NoUsableColumns, match="'same': constant"):
        fit({"same": np.full(N, 3.0)})


def test_rare_levels_share_the_unknown_row() -> None:
    color = text("red", "green")
    color[:3] = "mauve"
    color[3:9] = ["a", "b", "c", "d", "e", None]
    fitted = fit({"color": color})
    asked = np.array(["mauve", "never seen", None, "red", np.nan], dtype=object)
    rows = transform(fitted.encoding, {"color": asked})
    np.testing.assert_array_equal(rows[[0, 1, 2, 4]], np.zeros((4, 2)))
    assert sorted(rows[3]) == [0.0, 1.0]


def test_an_unknown_level_answers_as_the_average_row_if_training_saw_none() -> None:
    fitted = fit({"color": text("a", "b", "b", "c")})
    rows = transform(fitted.encoding, {"color": np.array(["z", None], dtype=object)})
    np.testing.assert_allclose(rows, [[0.25, 0.5, 0.25]] * 2)


def test_a_random_level_does_not_tell_its_own_target() -> None:
    n, out_of_fold, leaking = 3000, [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        level = np.array([f"v{i}" for i in rng.integers(750, size=n)], dtype=object)
        y = rng.normal(size=n)
        fitted = fit_encoding({"v": level}, {"v": "categorical"}, y, "regression", seed=seed)
        in_sample = transform(fitted.encoding, {"v": level})
        out_of_fold.append(np.corrcoef(fitted.matrix[:, 0], y)[0, 1])
        leaking.append(np.corrcoef(in_sample[:, 0], y)[0, 1])

    assert abs(np.mean(out_of_fold)) < 0.03  # one table: mean 0, standard deviation 0.025
    assert np.mean(leaking) > 0.3


def test_a_telling_level_is_encoded_by_its_mean() -> None:
    rng = np.random.default_rng(4)
    code = rng.integers(60, size=6000)
    y = code + rng.normal(size=6000)
    level = np.array([f"v{i:02}" for i in code], dtype=object)
    fitted = fit_encoding({"v": level}, {"v": "categorical"}, y, "regression", seed=0)

    assert fitted.groups[0].kind == "target_encoded"
    assert np.corrcoef(fitted.matrix[:, 0], code)[0, 1] > 0.99
    unknown = transform(fitted.encoding, {"v": np.array(["new", None], dtype=object)})
    np.testing.assert_allclose(unknown[:, 0], 0.0, atol=0.05)


def test_classes_get_one_target_encoding_each_up_to_ten() -> None:
    rng = np.random.default_rng(6)
    level = np.array([f"v{i}" for i in rng.integers(50, size=3000)], dtype=object)
    y = rng.integers(12, size=3000)
    fitted = fit_encoding({"v": level}, {"v": "categorical"}, y, "multiclass", seed=0)
    assert fitted.encoding.width == 10 + 1


def test_the_seed_decides_the_folds() -> None:
    rng = np.random.default_rng(7)
    columns = {"v": np.array([f"v{i}" for i in rng.integers(50, size=N)], dtype=object)}
    first, again, other = (fit(columns, seed=seed).matrix for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_missing_column_is_named_with_the_nearest_one() -> None:
    fitted = fit(table())
    columns = table()
    columns["colour"] = columns.pop("color")
    with pytest.raises(MissingColumn, match="'color' is missing; the nearest name present is 'co"):
        transform(fitted.encoding, columns)


def test_text_in_a_number_column_is_named() -> None:
    fitted = fit(table())
    with pytest.raises(WrongColumnType, match="'plain'"):
        transform(fitted.encoding, {**table(), "plain": text("high")})


def test_columns_of_different_length_are_refused() -> None:
    fitted = fit(table())
    with pytest.raises(ScienceError, match="differ in length"):
        transform(fitted.encoding, {**table(), "plain": np.zeros(3)})


def test_few_rows_of_many_levels_have_nothing_to_encode() -> None:
    values = np.array([f"v{i // 3}" for i in range(60)], dtype=object)
    with pytest.raises(NoUsableColumns, match="no level has 5 rows"):
        fit_encoding({"v": values}, {"v": "categorical"}, np.zeros(60), "regression", seed=0)


def test_a_table_stores_one_row_more_for_unknown_and_missing() -> None:
    column = fit({"color": text("a", "b", "c")}).encoding.columns[0]
    assert isinstance(column, CategoricalColumn)
    assert column.table.shape == (3 + 2, 3)


def test_applying_loads_neither_torch_nor_sklearn() -> None:
    script = (
        "import sys, app.science.encoding.apply;"
        "sys.exit(bool({'torch', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
