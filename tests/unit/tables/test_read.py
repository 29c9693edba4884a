"""Good files: one table has one logical hash, types are guessed and corrected."""

import contextlib
import datetime as dt
import gzip
import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.tables.canonical import read_canonical, write_canonical
from app.tables.problem import InvalidTable
from app.tables.read import ReadTable, read_table
from app.tables.sniff import FORMATS
from tests.unit.tables.factories import csv_text, first, npy_bytes, npz_bytes, put, read, refused

DATA = Path(os.environ.get("ADAPTNET_DATA", Path(__file__).parents[4] / "shared" / "data"))
NUMBERS = np.random.default_rng(0).standard_normal((60, 3))


def _jsonl(rows: int = 60) -> str:
    return "".join(
        f'{{"a": {i}, "b": "{"red" if i % 3 else "blue"}", "c": {i / 4}}}\n' for i in range(rows)
    )


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _plain_table() -> pa.Table:
    return pa_csv.read_csv(io.BytesIO(csv_text().encode()))


def test_every_plug_in_loads() -> None:
    assert FORMATS.names() == ("csv", "image_zip", "jsonl", "npy", "npz", "parquet")
    assert all(FORMATS.get(name).suffixes for name in FORMATS.names())


def test_one_table_has_one_logical_hash_in_every_format(tmp_path: Path) -> None:
    table = _plain_table()
    arrays = {
        name: np.array(table.column(name).to_pylist()) for name in reversed(table.column_names)
    }
    zstd = pa.compress(csv_text().encode(), codec="zstd", asbytes=True)
    files: dict[str, bytes | str] = {
        "t.csv": csv_text(),
        "t.tsv": csv_text(delimiter="\t"),
        "semicolons.csv": csv_text(delimiter=";"),
        "quoted.csv": csv_text().replace("red", ' "red"').replace(', "', ',"'),
        "t.csv.gz": gzip.compress(csv_text().encode()),
        "t.csv.zst": zstd,
        "no_end.csv": "\r\n\n" + csv_text().replace("\n", "\r\n").rstrip(),
        "t.jsonl": _jsonl(),
        "t.parquet": _parquet(table.select(["c", "a", "b"])),
        "levels.parquet": _parquet(table.set_column(1, "b", table.column("b").dictionary_encode())),
        "t.npz": npz_bytes(**arrays),
    }
    found = {name: read(tmp_path, content, name) for name, content in files.items()}

    assert {name for name, table in found.items() if table.problems} == set()
    assert {table.logical_hash for table in found.values()} == {found["t.csv"].logical_hash}


def test_arrays_of_numbers_agree_with_text(tmp_path: Path) -> None:
    text = "x0,x1,x2\n" + "".join(",".join(map(repr, row)) + "\n" for row in NUMBERS.tolist())
    files: dict[str, bytes | str] = {
        "t.csv": text,
        "t.npy": npy_bytes(NUMBERS),
        "fortran.npy": npy_bytes(np.asfortranarray(NUMBERS)),
        "big_endian.npy": npy_bytes(NUMBERS.astype(">f8")),
        "t.npz": npz_bytes(X=NUMBERS),
    }

    assert len({read(tmp_path, content, name).logical_hash for name, content in files.items()}) == 1


def test_the_hash_sees_values_missing_cells_and_row_order(tmp_path: Path) -> None:
    text = csv_text()
    lines = text.splitlines()
    others = [
        text.replace("\n7,", "\n7.5,"),
        text.replace("\n7,", "\n,"),
        "\n".join([lines[0], *reversed(lines[1:])]),
        text.replace("red", "green"),
    ]

    assert len({read(tmp_path, content).logical_hash for content in (text, *others)}) == 5


def _types(found: ReadTable) -> dict[str, str]:
    return {column.name: column.type for column in found.schema}


def test_types_are_guessed_with_a_reason(tmp_path: Path) -> None:
    start = dt.date(2024, 1, 1)
    rows = [
        f"{i},{i % 2},{'True' if i % 2 else 'false'},{start + dt.timedelta(i)},{i % 3 + 500:05d},"
        f"u-{i},same,,{'a long sentence that goes on for ever ' * 2}{i},{2**53 + i}"
        for i in range(60)
    ]
    header = "customer_id,flag,truth,day,zip,code,one,none,note,big"
    found = read(tmp_path, "\n".join([header, *rows]))

    assert _types(found) == {
        "customer_id": "identifier",
        "flag": "number",
        "truth": "boolean",
        "day": "datetime",
        "zip": "categorical",
        "code": "identifier",
        "one": "constant",
        "none": "empty",
        "note": "text",
        "big": "identifier",
    }
    assert all(column.reason for column in found.schema)
    assert found.table.column("truth")[0].as_py() == "false"
    assert found.table.column("zip")[0].as_py() == "00500"
    assert found.table.schema.field("day").type == pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d %H:%M"])
def test_dates_are_read_where_no_doubt_is_left(tmp_path: Path, form: str) -> None:
    days = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(60)]
    found = read(tmp_path, "day,y\n" + "".join(f"{d.strftime(form)},{d.day}\n" for d in days))

    assert found.table.column("day").to_pylist() == days


def test_ambiguous_dates_stay_text_with_a_warning(tmp_path: Path) -> None:
    found = read(
        tmp_path, "day,y\n" + "".join(f"{i % 12 + 1:02d}/03/2024,{i}\n" for i in range(60))
    )

    assert first(found.problems, "ambiguous_dates").remedy == "Write dates as YYYY-MM-DD."


def test_a_column_of_numbers_with_a_slip_names_the_cell(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text().replace("\n7,red,1.75", "\n7,red,l.75"))
    problem = first(found.problems, "mostly_numbers")

    assert (problem.column, problem.row, problem.value_excerpt) == ("c", 8, "l.75")


def test_corrections_are_applied(tmp_path: Path) -> None:
    text = csv_text().replace("a,b,c", " a ,b,c")
    found = read(tmp_path, text, columns={"a": "categorical"})

    assert _types(found)["a"] == "categorical"
    assert found.schema[0].is_corrected
    assert found.table.column("a")[7].as_py() == "7"
    numbers = read(tmp_path, _parquet(_plain_table()), columns={"a": "categorical"})
    assert numbers.logical_hash == found.logical_hash


def test_an_impossible_correction_names_row_and_value(tmp_path: Path) -> None:
    for wish in ("number", "boolean", "datetime"):
        problem = first(refused(tmp_path, csv_text(), columns={"b": wish}).problems, "cannot_cast")
        assert (problem.column, problem.row, problem.value_excerpt) == ("b", 1, "blue")


def test_an_unknown_column_or_type_suggests_the_nearest(tmp_path: Path) -> None:
    text = csv_text().replace("a,b,c", "area,b,c")
    error = refused(tmp_path, text, columns={"Arae": "number", "b": "categoric"})

    assert first(error.problems, "unknown_column").remedy == "Did you mean 'area'?"
    assert "Did you mean 'categorical'?" in first(error.problems, "unknown_type").remedy


def test_dictionary_values_that_no_row_holds_are_no_levels(tmp_path: Path) -> None:
    names = pa.array(["x", "y", "z"])
    columns = {
        "empty": pa.DictionaryArray.from_arrays(pa.array([None] * 60, pa.int32()), names),
        "constant": pa.DictionaryArray.from_arrays(pa.array([1] * 60, pa.int32()), names),
        "number": pa.array(range(60)),
    }

    found = read_table(put(tmp_path, _parquet(pa.table(columns)), "unused"))

    assert _types(found) == {name: name for name in columns}


def test_booleans_of_parquet_and_csv_agree(tmp_path: Path) -> None:
    truth = [i % 3 == 0 for i in range(60)]
    table = pa.table({"t": truth, "y": range(60)})
    text = "t,y\n" + "".join(f"{str(t).upper()},{i}\n" for i, t in enumerate(truth))

    stored, written = read(tmp_path, _parquet(table)), read(tmp_path, text)
    assert stored.logical_hash == written.logical_hash
    assert stored.schema[0].type == written.schema[0].type == "boolean"


def test_late_and_mixed_keys_of_jsonl(tmp_path: Path) -> None:
    lines = [f'{{"a": {i}}}' for i in range(59)] + ['{"a": "x", "late": 1.5}']
    found = read(tmp_path, "\n".join(lines), "t.jsonl")

    assert found.schema[1].n_missing == 59
    assert found.table.column("a")[0].as_py() == "0"


def test_progress_counts_rows(tmp_path: Path) -> None:
    seen: list[int] = []
    read_table(put(tmp_path, csv_text()), progress=seen.append)

    assert seen[-1] == 60


def test_what_is_written_is_what_is_read_back(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text())
    write_canonical(found, tmp_path / "stored")
    table, schema = read_canonical(tmp_path / "stored")

    assert table.equals(found.table)
    assert schema == found.schema


@pytest.mark.data
@pytest.mark.parametrize(("name", "n_rows"), [("california", 20640), ("adult", 48842)])
def test_real_tables_are_read(name: str, n_rows: int) -> None:
    path = DATA / "tables" / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there; set ADAPTNET_DATA")
    found = read_table(path)

    assert found.n_rows == n_rows
    assert not [problem for problem in found.problems if problem.severity == "error"]


START = st.sampled_from(
    [b"", b"PAR1", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\x1f\x8b", b'{"a":', b"a,b\n", b'"a"\t']
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(START, st.binary(max_size=300), st.sampled_from(["t.csv", "t.parquet", "t"]))
def test_any_bytes_parse_or_raise_invalid_table(
    tmp_path: Path, start: bytes, rest: bytes, name: str
) -> None:
    path = put(tmp_path, start + rest, "bytes")
    with contextlib.suppress(InvalidTable):
        read_table(path, filename=name)


CELLS = st.one_of(
    st.text(max_size=6),
    st.floats().map(str),
    st.sampled_from(
        ['"', '""', "a\nb", "\r", "2024-01-01", "1/2/2024", "true", "007", "+1", "++1"]
    ),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=10, max_size=14))
def test_any_text_cells_parse_or_raise_invalid_table(tmp_path: Path, rows: list[list[str]]) -> None:
    content = "a,b\n" + "\n".join(",".join(row) for row in rows)
    path = put(tmp_path, content.encode("utf-8", errors="surrogatepass"), "cells.csv")
    with contextlib.suppress(InvalidTable):
        assert read_table(path).table.num_columns == 2


GOOD = {
    "parquet": _parquet(pa.table({"a": range(60), "b": ["x", "y", "z"] * 20})),
    "npz": npz_bytes(X=NUMBERS, y=np.arange(60)),
    "npy": npy_bytes(NUMBERS),
}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_good_file_with_changed_bytes_parses_or_raises_invalid_table(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    content = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidTable):
        read_table(put(tmp_path, bytes(content), "changed"))
