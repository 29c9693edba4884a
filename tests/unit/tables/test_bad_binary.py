"""Bad Parquet, NumPy, JSONL and junk files."""

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from app.tables.limits import Limits
from tests.unit.tables.factories import (
    SMALL,
    csv_text,
    first,
    npy_bytes,
    npy_header,
    npz_bytes,
    npz_that_declares,
    read,
    refused,
)


def _parquet(folder: Path, table: pa.Table) -> bytes:
    path = folder / "written.parquet"
    pq.write_table(table, path)
    return path.read_bytes()


def test_binary_junk(tmp_path: Path) -> None:
    junk = bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8))
    problem = first(refused(tmp_path, junk).problems, "unknown_format")

    assert "Send CSV" in problem.remedy


@pytest.mark.parametrize("array", [np.array(["a", 1, None], dtype=object)])
def test_object_arrays_are_refused_unread(tmp_path: Path, array: NDArray[Any]) -> None:
    for content, name in ((npy_bytes(array), "X"), (npz_bytes(X=np.ones(3), y=array), "y")):
        problem = first(refused(tmp_path, content, "x.npz").problems, "object_array")
        assert problem.column == name
        assert "astype" in problem.remedy


def test_structured_arrays_are_refused(tmp_path: Path) -> None:
    array = np.zeros(60, dtype=[("a", "f8"), ("b", "i4")])

    assert first(refused(tmp_path, npy_bytes(array)).problems, "unsupported_type")


def test_a_zip_bomb_is_refused_from_its_directory(tmp_path: Path) -> None:
    content = npz_that_declares(4_000_000_000)
    tracemalloc.start()
    problem = first(refused(tmp_path, content, "x.npz").problems, "too_large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "needs 4000000000 bytes when decoded" in problem.message
    assert len(content) < 1000
    assert peak < 5_000_000


def test_a_lying_directory_within_the_budget_is_refused_too(tmp_path: Path) -> None:
    content = npz_that_declares(60_000_000)
    problem = first(
        refused(tmp_path, content, limits=Limits(ratio_floor_bytes=1)).problems, "compression_ratio"
    )

    assert "expands" in problem.message
    assert refused(tmp_path, content, "x.npz").problems[0].code in {"size_mismatch", "damaged_file"}


def test_a_zip_of_many_entries_is_refused_from_its_end_record(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in range(100):
            archive.writestr(f"a{index}.npy", npy_bytes(np.ones(3)))

    assert first(refused(tmp_path, buffer.getvalue()).problems, "too_many_entries")


def test_a_workbook_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
    problem = first(refused(tmp_path, buffer.getvalue()).problems, "unsupported_format")

    assert "Excel" in problem.message
    assert "Save the sheet as CSV" in problem.remedy


def test_an_array_that_declares_eight_terabytes(tmp_path: Path) -> None:
    content = npy_header("<f8", (1_000_000_000_000,)) + b"\0" * 64
    problem = first(refused(tmp_path, content, "x.npy").problems, "size_mismatch")

    assert "8000000000000 bytes, but 64 bytes follow" in problem.message


def test_arrays_of_unequal_length_or_shape(tmp_path: Path) -> None:
    unequal = npz_bytes(X=np.ones((60, 2)), y=np.ones(59))

    assert "X: 60, y: 59" in first(refused(tmp_path, unequal).problems, "unequal_lengths").message
    assert first(refused(tmp_path, npy_bytes(np.ones((60, 2, 2)))).problems, "wrong_shape")
    assert first(refused(tmp_path, npy_bytes(np.ones((60, 60))), limits=SMALL).problems,
                 "too_many_columns")  # fmt: skip


def test_a_nested_column_is_named(tmp_path: Path) -> None:
    table = pa.table({"a": [1] * 60, "tags": [["x"]] * 60})
    problem = first(refused(tmp_path, _parquet(tmp_path, table)).problems, "nested_column")

    assert problem.column == "tags"
    assert "plain columns" in problem.remedy


def test_text_named_parquet_is_read_as_what_it_is(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text(), "table.parquet")
    problem = first(found.problems, "name_mismatch")

    assert found.format == "csv"
    assert "named .parquet but holds csv" in problem.message


def test_a_cut_off_parquet_file(tmp_path: Path) -> None:
    content = _parquet(tmp_path, pa.table({"a": range(1000)}))[:-50]

    assert "cut off" in first(refused(tmp_path, content).problems, "damaged_file").remedy


def test_a_constant_column_is_counted_in_full(tmp_path: Path) -> None:
    content = _parquet(tmp_path, pa.table({"a": pa.array(np.ones(500_000))}))

    assert len(content) < 100_000
    problem = first(refused(tmp_path, content, limits=SMALL).problems, "too_large")
    assert "4000000 bytes" in problem.message


def test_a_dictionary_of_one_long_string(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array(["x" * 1_000_000] * 400)})
    problem = first(refused(tmp_path, _parquet(tmp_path, table)).problems, "cell_too_large")

    assert (problem.column, problem.row) == ("a", 1)


def test_a_broken_line_of_jsonl(tmp_path: Path) -> None:
    lines = [f'{{"a": {i}, "b": "x"}}' for i in range(60)]
    lines[6] = '{"a": 6, "b": '
    lines[8] = "[1, 2]"
    error = refused(tmp_path, "\n".join(lines), "t.jsonl")
    problem = first(error.problems, "broken_line")

    assert [p.row for p in error.problems] == [7, 9]
    assert problem.value_excerpt == '{"a": 6, "b":'.ljust(14)
    assert "as one line" in problem.remedy


def test_a_nested_value_of_jsonl(tmp_path: Path) -> None:
    lines = [f'{{"a": {i}, "b": 1}}' for i in range(60)] + ['{"a": 1, "b": {"c": 2}}']
    problem = first(refused(tmp_path, "\n".join(lines)).problems, "nested_value")

    assert (problem.row, problem.column) == (61, "b")


def test_deep_json_and_half_surrogates_are_problems(tmp_path: Path) -> None:
    deep = '{"a": 1}\n' + '{"a":' * 20_000
    half = '{"a": "\\ud800"}\n' * 60

    assert first(refused(tmp_path, deep).problems, "broken_line").row == 2
    assert first(refused(tmp_path, half).problems, "broken_text").row == 1


def test_a_json_array_is_refused_with_the_remedy(tmp_path: Path) -> None:
    problem = first(refused(tmp_path, '[{"a": 1}]', "t.json").problems, "unsupported_format")

    assert "each row as a line" in problem.remedy
