"""Small files, good and bad, as plain functions."""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.tables.limits import Limits
from app.tables.problem import InvalidTable, Problem
from app.tables.read import ReadTable, read_table

N_ROWS = 60


def csv_text(n_rows: int = N_ROWS, delimiter: str = ",") -> str:
    """Columns a (number), b (text), c (number)."""
    rows = [
        ["a", "b", "c"],
        *([str(i), "red" if i % 3 else "blue", str(i / 4)] for i in range(n_rows)),
    ]
    return "".join(delimiter.join(row) + "\n" for row in rows)


def put(folder: Path, content: bytes | str, name: str = "table.csv") -> Path:
    """Write ``content`` to a file."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(
    folder: Path,
    content: bytes | str,
    name: str = "table.csv",
    *,
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> ReadTable:
    """Read ``content`` as a file of that name."""
    return read_table(put(folder, content, name), columns=columns, limits=limits)


def refused(
    folder: Path,
    content: bytes | str,
    name: str = "table.csv",
    *,
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> InvalidTable:
    """The error that reading ``content`` raises."""
    with pytest.raises(InvalidTable) as caught:
        read(folder, content, name, columns=columns, limits=limits)
    return caught.value


def first(problems: tuple[Problem, ...], code: str) -> Problem:
    """The first problem of a code; every problem says what to do."""
    assert all(problem.remedy.endswith((".", "?", ")", "}")) for problem in problems), problems
    assert code in {problem.code for problem in problems}, problems
    return next(problem for problem in problems if problem.code == code)


def npy_bytes(array: NDArray[Any]) -> bytes:
    """What ``numpy.save`` writes, pickles included."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz_bytes(**arrays: NDArray[Any]) -> bytes:
    """What ``numpy.savez`` writes, pickles included."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(buffer, **named)
    return buffer.getvalue()


def npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    """The header of an array of any declared size."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def npz_that_declares(n_bytes: int) -> bytes:
    """A small zip whose directory declares one array of ``n_bytes``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", npy_header("<f8", (n_bytes // 8, 1)))
    data = bytearray(buffer.getvalue())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", n_bytes)
    return bytes(data)


SMALL = Limits(max_bytes=1 << 20, max_columns=50, max_row_bytes=1 << 16, max_cell_bytes=1 << 12)
