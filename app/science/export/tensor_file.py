"""The safetensors format in numpy: its writer, and a reader that trusts nothing.

Layout: the header's length as 8 bytes, the header as JSON, the tensors one after the other.
Written here rather than by the safetensors library, whose order of metadata keys is random and
which the reader of a package should not need.

Source: https://huggingface.co/docs/safetensors (format section).
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.export import documents
from app.science.export.errors import PackageError

MAX_HEADER_BYTES = 1 << 20
MAX_DIMENSIONS = 4
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
}

Tensors = Mapping[str, NDArray[Any]]


def write(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    """Widest type first, then by name, so that every tensor is aligned."""
    codes = {dtype: code for code, dtype in DTYPES.items()}
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    blocks: list[bytes] = []
    start = 0
    for name in order:
        little = tensors[name].astype(tensors[name].dtype.newbyteorder("<"))
        block = little.tobytes()
        header[name] = {
            "dtype": codes[little.dtype],
            "shape": list(little.shape),
            "data_offsets": [start, start + len(block)],
        }
        start += len(block)
        blocks.append(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blocks)


def read(part: str, data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of an untrusted file, as read-only views of ``data``.

    Raises
    ------
    PackageError
        The header lies: about its length, a type, a shape, or offsets that overlap, leave
        gaps, or leave the file; or a number is not finite.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise PackageError(part, f"its header claims {length} bytes, the file has {len(data)}")
    header = documents.read(part, data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length :]
    try:
        spans = sorted((*_span(entry), name) for name, entry in header.items())
    except (KeyError, TypeError, ValueError):
        raise PackageError(part, "has a malformed header entry") from None
    end_before = 0
    for start, end, _, _, name in spans:
        if start != end_before:
            raise PackageError(part, f"tensor {name!r} overlaps another or leaves a gap")
        end_before = end
    if end_before != len(body):
        raise PackageError(part, f"header describes {end_before} bytes, file holds {len(body)}")
    return {name: _tensor(part, body[a:b], code, shape) for a, b, code, shape, name in spans}


def _span(entry: dict[str, Any]) -> tuple[int, int, str, tuple[int, ...]]:
    """Start, end, type and shape of one header entry, if they agree with each other."""
    start, end = entry["data_offsets"]
    shape, dtype = tuple(entry["shape"]), DTYPES[entry["dtype"]]
    sizes = (start, end, *shape)
    if not all(type(size) is int and size >= 0 for size in sizes) or len(shape) > MAX_DIMENSIONS:
        raise ValueError("sizes are whole numbers")
    if len(shape) > 1 and 0 in shape:
        raise ValueError("an empty matrix says nothing, and its other side could be any number")
    if end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError("offsets and shape disagree")
    return start, end, entry["dtype"], shape


def _tensor(part: str, block: memoryview, code: str, shape: tuple[int, ...]) -> NDArray[Any]:
    tensor: NDArray[Any] = np.frombuffer(block, dtype=DTYPES[code]).reshape(shape)
    if not np.isfinite(tensor).all():
        raise PackageError(part, "holds NaN or infinite numbers")
    return tensor
