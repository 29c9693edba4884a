"""Profiles are JSON without NaN, and columns fit the encoding."""

import json
from pathlib import Path

import numpy as np

from app.tables.columns import to_columns
from app.tables.profile import profile
from tests.unit.tables.factories import csv_text, read


def test_a_profile_is_strict_json_with_counts_and_spreads(tmp_path: Path) -> None:
    text = csv_text() + "59,red,14.75\n" + ",,\n"
    found = read(tmp_path, text)
    document = profile(found.table, found.schema)

    json.dumps(document, allow_nan=False)
    number, level, _ = document["columns"]
    assert document["n_duplicate_rows"] == 1
    assert (number["n"], number["n_missing"], number["n_distinct"]) == (61, 1, 60)
    assert (number["min"], number["max"]) == (0.0, 59.0)
    assert sum(number["histogram"]["counts"]) == 61
    assert len(number["histogram"]["edges"]) == 21
    assert level["top"] == [{"level": "red", "count": 41}, {"level": "blue", "count": 20}]


def test_extreme_numbers_do_not_overflow(tmp_path: Path) -> None:
    rows = "".join(f"{(-1) ** i * 1.7e308},x,2024-01-0{i % 9 + 1}\n" for i in range(60))
    found = read(tmp_path, "big,one,day\n" + rows)
    document = profile(found.table, found.schema)

    json.dumps(document, allow_nan=False)
    assert document["constant_columns"] == ["one"]
    assert document["columns"][0]["max"] == 1.7e308


def test_columns_fit_the_encoding(tmp_path: Path) -> None:
    rows = "".join(f"{i},{'x' if i % 2 else ''},1970-01-02\n" for i in range(60))
    found = read(tmp_path, "n,c,d\n,x,1970-01-01\n" + rows)
    columns, roles = to_columns(found.table, found.schema, ["d", "n", "c"])

    assert roles == {"d": "datetime", "n": "number", "c": "categorical"}
    assert columns["n"].dtype == np.float64
    assert np.isnan(columns["n"][0])
    assert columns["c"].tolist()[:3] == ["x", None, "x"]
    assert columns["d"].tolist()[:2] == [0.0, 86400.0]
