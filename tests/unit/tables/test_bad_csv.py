"""Bad CSV files: each has its code, its row or column, and a remedy."""

import gzip
from pathlib import Path

import pytest

from app.tables.limits import Limits
from tests.unit.tables.factories import SMALL, csv_text, first, read, refused


def test_an_empty_file(tmp_path: Path) -> None:
    problem = first(refused(tmp_path, b"").problems, "empty_file")

    assert problem.remedy == "Check the export and upload the file again."


def test_a_truncated_file_names_its_last_row(tmp_path: Path) -> None:
    problem = first(refused(tmp_path, csv_text() + "60,re").problems, "truncated_row")

    assert problem.row == 61
    assert problem.value_excerpt == "60,re"
    assert "ends in the middle" in problem.remedy


def test_ragged_rows_are_counted_and_the_first_hundred_kept(tmp_path: Path) -> None:
    lines = csv_text(200).splitlines()
    ragged = [lines[0], *(f"{line},extra" if i < 150 else line for i, line in enumerate(lines[1:]))]
    error = refused(tmp_path, "\n".join(ragged) + "\n")

    assert first(error.problems, "ragged_row").row == 1
    assert len(error.problems) == 100
    assert error.totals["ragged_row"] == 150
    assert "Row 1 has 4 cells; the header has 3." in str(error)


@pytest.mark.parametrize(("mark", "name"), [(":", "colons"), ("^", "carets"), (" ", "spaces")])
def test_a_wrong_delimiter(tmp_path: Path, mark: str, name: str) -> None:
    problem = first(refused(tmp_path, csv_text(delimiter=mark)).problems, "wrong_delimiter")

    assert name in problem.message
    assert problem.row == 1
    assert problem.remedy == "Export the file again with commas."


def test_one_column_is_only_a_warning(tmp_path: Path) -> None:
    found = read(tmp_path, "a\n" + "1\n2\n" * 30)

    assert first(found.problems, "one_column").severity == "warning"


def test_mixed_encodings_name_the_row(tmp_path: Path) -> None:
    content = csv_text().encode() + "60,zürich,1\n".encode() + "61,málaga,1\n".encode("latin-1")
    problem = first(refused(tmp_path, content).problems, "mixed_encodings")

    assert problem.row == 62
    assert "Line 62 is UTF-8 but line 63 is not" in problem.message
    assert "convert all to UTF-8" in problem.remedy


def test_latin_1_is_read_with_a_warning(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text().encode() + "60,málaga,1\n".encode("latin-1"))
    problem = first(found.problems, "encoding_guessed")

    assert (problem.severity, problem.row) == ("warning", 61)
    assert found.table.column("b")[60].as_py() == "málaga"


def test_utf_16_is_refused_by_name(tmp_path: Path) -> None:
    problem = first(refused(tmp_path, csv_text().encode("utf-16")).problems, "unsupported_format")

    assert "UTF-16" in problem.message


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text().encode("utf-8-sig"))

    assert found.schema[0].name == "a"
    assert found.problems == ()


def test_duplicate_names_count_after_trimming(tmp_path: Path) -> None:
    error = refused(tmp_path, csv_text().replace("a,b,c", "a,b, a "))
    problem = first(error.problems, "duplicate_column")

    assert problem.column == "a"
    assert "Columns 1 and 3" in problem.message
    assert "Rename" in problem.remedy


def test_an_empty_name_says_which_column(tmp_path: Path) -> None:
    problem = first(refused(tmp_path, csv_text()[1:]).problems, "empty_column_name")

    assert problem.message == "Column 1 has no name."
    assert "Name it in the header" in problem.remedy


def test_trimmed_names_are_reported(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text().replace("a,b,c", "a, b ,c"))

    assert [column.name for column in found.schema] == ["a", "b", "c"]
    assert first(found.problems, "trimmed_name").column == "b"


def test_an_unclosed_quote_names_its_row(tmp_path: Path) -> None:
    content = csv_text(20) + '20,"red,5\n' + "".join(csv_text(40).splitlines(keepends=True)[1:])
    problem = first(refused(tmp_path, content).problems, "unclosed_quote")

    assert problem.row == 21
    assert "Close the quote near line 22" in problem.remedy


def test_a_quoted_cell_may_span_lines_and_hold_quotes(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text() + '60,"one\ntwo, ""three""",1\n')

    assert found.table.column("b")[60].as_py() == 'one\ntwo, "three"'
    assert found.n_rows == 61


def test_a_nul_byte_names_its_row(tmp_path: Path) -> None:
    content = csv_text(2000).replace("\n1501,red", "\n1501,r\0d")
    problem = first(refused(tmp_path, content).problems, "binary_content")

    assert problem.row == 1502


def test_a_million_columns_are_refused_from_the_header(tmp_path: Path) -> None:
    content = ",".join(f"c{i}" for i in range(1_000_000)) + "\n"
    problem = first(refused(tmp_path, content).problems, "too_many_columns")

    assert "the limit is 2000" in problem.message
    assert "transposed" in problem.remedy


def test_a_huge_cell_names_row_and_column(tmp_path: Path) -> None:
    problem = first(
        refused(tmp_path, csv_text() + f"60,{'x' * 70_000},1\n").problems, "cell_too_large"
    )

    assert (problem.row, problem.column) == (61, "b")
    assert "70000 bytes; the limit is 65536" in problem.message


def test_a_line_without_end(tmp_path: Path) -> None:
    content = csv_text() + "x" * (2 << 20)
    problem = first(refused(tmp_path, content, limits=SMALL).problems, "row_too_long")

    assert problem.row == 61
    assert "line endings" in problem.remedy


def test_too_many_rows_and_bytes(tmp_path: Path) -> None:
    few = Limits(max_rows=50)

    assert first(refused(tmp_path, csv_text(), limits=few).problems, "too_many_rows")
    assert first(refused(tmp_path, csv_text(100_000), limits=SMALL).problems, "too_large")


@pytest.mark.parametrize("n_rows", [0, 1, 5, 9])
def test_too_few_rows_say_what_is_needed(tmp_path: Path, n_rows: int) -> None:
    problem = first(refused(tmp_path, csv_text(n_rows)).problems, "too_few_rows")

    assert f"has {n_rows} data rows" in problem.message
    assert problem.remedy.startswith("Send at least 50 rows to train")


def test_ten_rows_are_read_with_a_warning(tmp_path: Path) -> None:
    problem = first(read(tmp_path, csv_text(10)).problems, "few_rows")

    assert problem.severity == "warning"
    assert "50 are needed to train" in problem.message


def test_one_row_is_fine_for_a_prediction(tmp_path: Path) -> None:
    assert read(tmp_path, csv_text(1), limits=Limits(min_rows=1)).n_rows == 1


def test_infinities_become_missing_with_a_warning(tmp_path: Path) -> None:
    found = read(tmp_path, csv_text() + "60,red,inf\n61,red,-Infinity\n62,red,NaN\n")
    problem = first(found.problems, "infinite_value")

    assert (problem.severity, problem.column, problem.row, problem.count) == ("warning", "c", 61, 2)
    assert found.schema[2].n_missing == 3
    assert found.schema[2].type == "number"


def test_a_column_without_values_is_a_warning(tmp_path: Path) -> None:
    lines = csv_text().splitlines()
    content = "\n".join([lines[0] + ",d", *(f"{line},NA" for line in lines[1:])])
    found = read(tmp_path, content)
    problem = first(found.problems, "all_missing")

    assert (problem.severity, problem.column) == ("warning", "d")
    assert found.schema[3].type == "empty"


def test_a_header_of_numbers_is_reported(tmp_path: Path) -> None:
    content = csv_text().split("\n", 1)[1].replace("red", "1").replace("blue", "2")

    assert first(read(tmp_path, content).problems, "header_looks_like_data").severity == "warning"


def test_a_cut_off_gzip_file(tmp_path: Path) -> None:

    content = gzip.compress(csv_text(5000).encode())[:-20]
    problem = first(refused(tmp_path, content, "table.csv.gz").problems, "damaged_compression")

    assert "cut off" in problem.remedy
