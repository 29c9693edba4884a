from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.science.errors import ScienceError
from app.science.export import cells, columns, package_writer, runtime
from app.science.export.errors import InvalidRows
from tests.unit.science.export import models

MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
ROW: dict[str, Any] = {"age": 41, "city": "Uji", "when": "2024-01-01", "income": 2.5}


@pytest.fixture(scope="module")
def model() -> runtime.LoadedModel:
    return runtime.load(package_writer.package_bytes(models.trained()))


@pytest.fixture(scope="module")
def classifier() -> runtime.LoadedModel:
    return runtime.load(package_writer.package_bytes(models.trained("multiclass")))


def read(**cells: object) -> dict[str, Any]:
    table, _ = columns.read(models.encoding(), [{**ROW, **cells}])
    return {name: values[0] for name, values in table.items()}


def test_three_ways_to_write_the_same_rows(model: runtime.LoadedModel) -> None:
    records = [{**ROW, "age": age, "city": city} for age, city in ((1.5, "Uji"), (None, "?"))]
    by_column = {name: [record[name] for record in records] for name in ROW}

    expected = model.predict(records)

    assert expected.shape == (2,)
    assert expected.dtype == np.float64
    np.testing.assert_array_equal(model.predict(by_column), expected)
    np.testing.assert_array_equal(model.predict(pd.DataFrame(records)), expected)


def test_a_class_is_the_most_probable_one(classifier: runtime.LoadedModel) -> None:
    table = models.rows(50)
    probabilities = classifier.predict_proba(table)

    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    classes = np.array(classifier.metadata["classes"])
    assert (classifier.predict(table) == classes[probabilities.argmax(axis=1)]).all()


def test_a_regression_has_no_probabilities(model: runtime.LoadedModel) -> None:
    with pytest.raises(ScienceError, match="no class probabilities"):
        model.predict_proba([ROW])


def test_no_rows_give_no_predictions(model: runtime.LoadedModel) -> None:
    assert model.predict([]).shape == (0,)
    assert model.predict({name: [] for name in ROW}).shape == (0,)


@pytest.mark.parametrize("cell", [None, float("nan"), "", " ", pd.NA, np.float32("nan"), "nan"])
def test_a_missing_number(cell: object) -> None:
    assert np.isnan(read(age=cell)["age"])


@pytest.mark.parametrize("cell", [None, "", np.datetime64("NaT"), pd.NaT, pd.NA])
def test_a_missing_time(cell: object) -> None:
    assert np.isnan(read(when=cell)["when"])


@pytest.mark.parametrize("cell", [None, "", float("nan"), pd.NA])
def test_a_missing_level(cell: object) -> None:
    assert read(city=cell)["city"] is None


@pytest.mark.parametrize(
    ("cell", "value"), [("1.5", 1.5), (" 2e3 ", 2000.0), (True, 1.0), (np.int8(3), 3.0)]
)
def test_what_is_a_number(cell: object, value: float) -> None:
    assert read(age=cell)["age"] == value


@pytest.mark.parametrize(
    "cell",
    [
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2024-01-01 09:00+09:00",
        np.datetime64("2024-01-01"),
        datetime(2024, 1, 1),  # noqa: DTZ001 - a time without a zone is the case
        datetime(2024, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))),
        date(2024, 1, 1),
        pd.Timestamp("2024-01-01"),
        MIDNIGHT,
    ],
)
def test_what_is_a_time(cell: object) -> None:
    assert read(when=cell)["when"] == MIDNIGHT


def test_a_column_of_numpy_times() -> None:
    times = np.array(["2024-01-01T00:00:00.5", "NaT"], dtype="datetime64[ns]")
    table = {name: [cell, cell] for name, cell in ROW.items()} | {"when": times}

    read_times = columns.read(models.encoding(), table)[0]["when"]

    np.testing.assert_array_equal(read_times, [MIDNIGHT + 0.5, np.nan])


@pytest.mark.parametrize("cell", ["12 kg", "1_000", [1], 1j])
def test_a_cell_that_is_no_number_is_named(cell: object) -> None:
    with pytest.raises(InvalidRows, match=r"row 1 \(from 0\), column 'age': .* is no number"):
        columns.read(models.encoding(), [ROW, {**ROW, "age": cell}])


def test_a_cell_that_is_no_time_is_named() -> None:
    with pytest.raises(InvalidRows, match=r"column 'when': 'yesterday' is no date or time"):
        read(when="yesterday")


def test_a_missing_column_names_the_nearest() -> None:
    with pytest.raises(InvalidRows, match="column 'income' is missing; did you mean 'incomes'"):
        columns.read(models.encoding(), {"age": [1], "city": ["a"], "when": [1], "incomes": [1]})


@pytest.mark.parametrize("rows", ["text", 3, [1, 2], {**ROW}])
def test_other_shapes_are_refused(rows: object) -> None:
    with pytest.raises(InvalidRows):
        columns.read(models.encoding(), rows)


def test_columns_of_two_lengths_are_refused() -> None:
    table = {name: [cell] for name, cell in ROW.items()} | {"age": [1, 2]}
    with pytest.raises(InvalidRows, match="differ in length"):
        columns.read(models.encoding(), table)


def test_unknown_columns_are_ignored(model: runtime.LoadedModel) -> None:
    expected = model.predict([ROW])
    np.testing.assert_array_equal(model.predict([{**ROW, "other": object()}]), expected)


@pytest.mark.parametrize(
    ("cell", "known", "text"),
    [(3.0, {"3"}, "3"), (True, {"true"}, "true"), (3.0, {"3.0"}, "3.0"), (b"x", {"x"}, "x")],
)
def test_a_level_is_found_under_the_name_it_was_trained_with(
    cell: object, known: set[str], text: str
) -> None:
    assert cells.level(cell, known) == text
