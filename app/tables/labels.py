"""The label table of a set of images: a CSV whose first column names the files."""

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from app.tables.problem import Problem, ProblemLog, excerpt, invalid

PLAIN = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def read_labels(data: bytes, name: str) -> pa.Table:
    """The table in ``data``; the first column is text whatever it looks like."""
    try:
        text = data.decode("utf-8-sig")
        header = next(csv.reader(StringIO(text)), [""])
        table = pa_csv.read_csv(
            BytesIO(text.encode()),
            read_options=pa_csv.ReadOptions(use_threads=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={header[0]: pa.string()}, strings_can_be_null=True
            ),
        )
    except (UnicodeDecodeError, pa.ArrowException, csv.Error) as error:
        raise invalid(
            "broken_labels",
            f"{excerpt(name)} cannot be read as a table: {excerpt(str(error))}.",
            "Write a header and one line a file, comma between the cells, in UTF-8.",
        ) from error
    columns = [c if any(is_(c.type) for is_ in PLAIN) else c.cast(pa.string()) for c in table]
    return pa.table(columns, names=table.column_names)


def join_labels(labels: pa.Table, files: Sequence[str], name: str, log: ProblemLog) -> pa.Table:
    """The rows of ``labels`` for ``files``, (n,) without the column of names.

    A file without a line has no labels, a line without a file is left out: a warning each. A file
    with two lines is an error.
    """
    keys = labels.column(0).combine_chunks()
    _refuse_repeated(keys, name, log)
    places = pc.index_in(pa.array(files, pa.string()), keys)
    _warn(
        "file_without_label",
        [file for file, place in zip(files, places, strict=True) if not place.is_valid],
        f"has no line in {excerpt(name)}",
        "Add it; until then the row has no label.",
        log,
    )
    known = pc.is_in(keys, pa.array(files, pa.string()))
    _warn(
        "label_without_file",
        keys.filter(pc.invert(known)).to_pylist(),
        f"is in {excerpt(name)}, but not in the zip",
        "Write the names as they are in the zip, folders included.",
        log,
    )
    return labels.drop_columns([labels.column_names[0]]).take(places)


def _refuse_repeated(keys: pa.Array, name: str, log: ProblemLog) -> None:
    for entry in pc.value_counts(keys):
        count, file = entry["counts"].as_py(), entry["values"].as_py()
        if count > 1:
            log.add(
                Problem(
                    "repeated_label",
                    f"{excerpt(name)} names {excerpt(file)!r} in {count} lines.",
                    "Keep one line a file.",
                    count=count,
                    value_excerpt=excerpt(file),
                )
            )
    log.raise_if_errors()


def _warn(code: str, files: list[str], what: str, remedy: str, log: ProblemLog) -> None:
    for file in files:
        message = f"{excerpt(file)} {what}."
        shown = excerpt(file)
        log.add(Problem(code, message, remedy, value_excerpt=shown, severity="warning"))
