"""The stored form of a table, and the hash that equal tables share."""

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.tables.media import kind_of
from app.tables.schema import FORMAT, ColumnSchema, column_from_json

TABLE_FILE = "table.parquet"
SCHEMA_FILE = "schema.json"


class Readable(Protocol):
    """The part of ``ReadTable`` that is stored."""

    @property
    def table(self) -> pa.Table:
        """Canonical columns."""

    @property
    def schema(self) -> tuple[ColumnSchema, ...]:
        """One per column, in order."""

    @property
    def logical_hash(self) -> str:
        """Of ``table``."""


def logical_hash(table: pa.Table) -> str:
    """sha256 over columns sorted by name: storage, which cells are missing, and the values."""
    digest = hashlib.sha256(f"{FORMAT}\n{table.num_rows}\n".encode())
    for name in sorted(table.column_names):
        column = whole(table, name)
        missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
        encoded = name.encode()
        digest.update(f"{len(encoded)}:".encode() + encoded + str(column.type).encode())
        digest.update(np.packbits(missing).tobytes())
        _update(digest, column)
    return f"sha256:{digest.hexdigest()}"


def whole(table: pa.Table, name: str) -> pa.Array:
    """One column as one array."""
    column = table.column(name).unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)
    return column


def write_canonical(read: Readable, folder: Path) -> None:
    """Write table.parquet (zstd) and schema.json into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(read.table, folder / TABLE_FILE, compression="zstd")
    document = {
        "format": FORMAT,
        "n_rows": read.table.num_rows,
        "logical_hash": read.logical_hash,
        "columns": [column.to_json() for column in read.schema],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / SCHEMA_FILE).write_text(text, encoding="utf-8")


def read_canonical(folder: Path) -> tuple[pa.Table, tuple[ColumnSchema, ...]]:
    """What ``write_canonical`` wrote."""
    document = json.loads((folder / SCHEMA_FILE).read_text(encoding="utf-8"))
    if document["format"] != FORMAT:
        raise ValueError(f"wanted {FORMAT}, got {document['format']!r}; read the file anew")
    schema = tuple(column_from_json(column) for column in document["columns"])
    table = pq.read_table(folder / TABLE_FILE)
    return table.select([column.name for column in schema]), schema


def _update(digest: Any, column: pa.Array) -> None:  # noqa: ANN401  hashlib names no public type
    if pa.types.is_dictionary(column.type):
        for level in column.dictionary.to_pylist():
            encoded = level.encode()
            digest.update(f"{len(encoded)}:".encode() + encoded)
        codes = pc.fill_null(column.indices, -1)
        digest.update(codes.to_numpy(zero_copy_only=False).astype("<i4").tobytes())
    elif pa.types.is_timestamp(column.type):
        seconds = pc.fill_null(column.cast(pa.int64()), 0)
        digest.update(seconds.to_numpy(zero_copy_only=False).astype("<i8").tobytes())
    elif kind_of(column.type) is not None:
        for content in pc.struct_field(column, "digest").drop_null():
            digest.update(content.as_py())
    else:
        values = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
        digest.update(values.astype("<f8").tobytes())
