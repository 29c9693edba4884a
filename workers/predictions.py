"""Predictions as a file: Parquet, or CSV with sets as JSON."""

import json
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet


def write(table: pa.Table, path: Path) -> None:
    """Write a table of ``answer.table`` in the format that the name asks for."""
    if path.suffix == ".parquet":
        parquet.write_table(table, path, compression="zstd")
        return
    if "set" in table.column_names:  # CSV has no lists; JSON keeps names with commas apart
        texts = [
            None if names is None else json.dumps(names, ensure_ascii=False)
            for names in table["set"].to_pylist()
        ]
        place = table.column_names.index("set")
        table = table.set_column(place, "set", pa.array(texts, pa.string()))
    csv.write_csv(table, path)
