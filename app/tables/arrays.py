"""NumPy's array format without NumPy's loader: the header is checked before a byte is decoded."""

import ast
import math
import re
import struct
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.tables.problem import excerpt, invalid

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 10_000
_DESCR = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|f16|[US]\d{1,7}|M8(\[\d*(h|m|s|ms|us|ns|D)\])?)")
WANTED = "wanted numbers, booleans, fixed-width text or datetime64"


class Readable(Protocol):
    """An open file or zip entry."""

    def read(self, size: int = ..., /) -> bytes:
        """Up to ``size`` bytes."""


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What an array file declares about itself."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool
    header_bytes: int

    @property
    def n_bytes(self) -> int:
        """Bytes of data that must follow the header."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: Readable, name: str) -> ArrayHeader:
    """Parse and check the header of ``file``; ``name`` is for messages."""
    start = file.read(8)
    if len(start) < 8 or not start.startswith(MAGIC) or start[6] not in {1, 2, 3}:
        raise _damaged(name, "its first bytes are not those of an .npy array")
    width, form = (2, "<H") if start[6] == 1 else (4, "<I")
    raw = file.read(width)
    if len(raw) < width:
        raise _damaged(name, "it ends in its header")
    (length,) = struct.unpack(form, raw)
    if length > MAX_HEADER_BYTES:
        raise _damaged(name, f"its header has {length} bytes; at most {MAX_HEADER_BYTES} are usual")
    fields = _literal(name, file.read(length))
    dtype = _dtype(name, fields.get("descr"))
    shape = fields.get("shape")
    if not isinstance(shape, tuple) or not all(type(s) is int and s >= 0 for s in shape):
        raise _damaged(name, f"its shape is {excerpt(shape)}")
    return ArrayHeader(dtype, shape, fields.get("fortran_order") is True, 8 + width + length)


def check_size(header: ArrayHeader, data_bytes: int, name: str) -> None:
    """Refuse a header that declares another size than the file has."""
    if header.n_bytes != data_bytes:
        raise invalid(
            "size_mismatch",
            f"Array {name!r} declares shape {excerpt(header.shape)} of {header.dtype}, "
            f"{header.n_bytes} bytes, but {data_bytes} bytes follow its header.",
            "The upload is cut off or damaged; save the array and upload it again.",
        )


def read_data(file: Readable, header: ArrayHeader, name: str) -> NDArray[Any]:
    """The values, once ``check_size`` has agreed, in the machine's byte order."""
    data = file.read(header.n_bytes)
    if len(data) != header.n_bytes:
        check_size(header, len(data), name)
    flat = np.frombuffer(data, dtype=header.dtype)
    array = flat.reshape(header.shape, order="F" if header.fortran_order else "C")
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def to_columns(name: str, array: NDArray[Any]) -> dict[str, pa.Array]:
    """A 1-D array is one column, a 2-D array ``X`` is ``x0, x1, ...``."""
    if array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1 and name != "X"):
        return {name: _column(array.reshape(-1))}
    if array.ndim != 2:
        raise invalid(
            "wrong_shape",
            f"Array {name!r} has shape {array.shape}; wanted (rows,) or (rows, columns).",
            "Reshape it to two dimensions, one row per example.",
            column=name,
        )
    stem = "x" if name == "X" else name
    return {f"{stem}{j}": _column(array[:, j]) for j in range(array.shape[1])}


def _column(values: NDArray[Any]) -> pa.Array:
    if values.dtype.kind == "S":
        return pa.array([bytes(v).decode("utf-8", errors="replace") for v in values], pa.string())
    if values.dtype.kind == "U":
        return pa.array([str(v) for v in values], pa.string())
    if values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]"))
    if values.dtype.itemsize == 16:
        values = values.astype(np.float64)
    return pa.array(np.ascontiguousarray(values))


def _literal(name: str, raw: bytes) -> dict[str, Any]:
    try:
        fields = ast.literal_eval(raw.decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise _damaged(
            name, f"its header is no literal: {excerpt(raw[:80].decode('latin-1'))}"
        ) from error
    if not isinstance(fields, dict):
        raise _damaged(name, "its header is not a dictionary")
    return fields


def _dtype(name: str, descr: object) -> np.dtype[Any]:
    if isinstance(descr, str) and descr.lstrip("<>|=").startswith("O"):
        raise invalid(
            "object_array",
            f"Array {name!r} holds Python objects, which only unpickling can read, and that "
            f"would run code from the file; {WANTED}.",
            "Save it with x.astype(float) or x.astype(str), or send the table as Parquet.",
            column=name,
        )
    if not isinstance(descr, str) or not _DESCR.fullmatch(descr):
        raise invalid(
            "unsupported_type",
            f"Array {name!r} is of type {excerpt(descr)}; {WANTED}.",
            "Save one plain array per column, or send the table as Parquet.",
            column=name,
        )
    return np.dtype(descr)


def _damaged(name: str, why: str) -> Exception:
    return invalid(
        "damaged_file",
        f"Array {name!r} cannot be read: {why}.",
        "Save it with numpy.save or numpy.savez and upload it again.",
    )
