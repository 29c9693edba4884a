"""Images and point sets as cells: what may come, and what the table keeps of them.

The table holds what is known about each image or point set. The images and points themselves lie
row by row in a file beside it, so that a table of a million photographs still fits in memory.
"""

from typing import Literal

import pyarrow as pa

MEDIA_FILE = "media.parquet"
EXTRACTOR_FILE, PREPARATION_FILE = "extractor.onnx", "extractor.json"
"""What a ZIP of images may hold at its root: a network for their features, and what it expects."""
DIGEST_BYTES = 16

MediaKind = Literal["image", "points"]
Origin = Literal["encoded", "pixels", "tensor", "lists"]
"""Files of images, arrays (h, w[, c]) of uint8, arrays (points, dim), lists of lists."""

IMAGE = pa.struct(
    [
        ("digest", pa.binary(DIGEST_BYTES)),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("mode", pa.string()),
    ]
)
POINTS = pa.struct(
    [("digest", pa.binary(DIGEST_BYTES)), ("n_points", pa.int32()), ("dim", pa.int32())]
)
FINDING = pa.struct([("code", pa.string()), ("what", pa.string()), ("remedy", pa.string())])
ENCODED = pa.struct([("bytes", pa.binary()), ("path", pa.string()), ("finding", FINDING)])
"""An image file and its name, or why the file could not be had."""

IMAGE_CHANNELS = (1, 3, 4)
MAX_POINT_DIM = 16
MAX_BYTE_POINT_DIM = 4  # an image of four columns is a list of points


def kind_of(cells: pa.DataType) -> MediaKind | None:
    """What the cells of a column of the table stand for; None where they stand for themselves."""
    if cells == IMAGE:
        return "image"
    return "points" if cells == POINTS else None


def origin_of(column: pa.DataType) -> Origin | None:
    """How a file's column holds images or points; None where it holds neither."""
    if isinstance(column, pa.FixedShapeTensorType):
        return tensor_origin(str(column.value_type), tuple(column.shape))
    if is_binary(column) or _is_file(column):
        return "encoded"
    return "lists" if _is_list(column) and _is_numeric_list(column.value_type) else None


def tensor_origin(dtype: str, shape: tuple[int, ...]) -> Origin | None:
    """What rows of this type and shape (h, w), (h, w, c) or (points, dim) are; None if neither."""
    if dtype == "uint8" and (len(shape) == 3 and shape[2] in IMAGE_CHANNELS):
        return "pixels"
    if dtype == "uint8" and len(shape) == 2 and shape[1] > MAX_BYTE_POINT_DIM:
        return "pixels"
    return "tensor" if len(shape) == 2 and 1 <= shape[1] <= MAX_POINT_DIM else None


def is_binary(kind: pa.DataType) -> bool:
    """Whether cells are plain bytes."""
    checks = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(check(kind) for check in checks)


def _is_file(kind: pa.DataType) -> bool:
    """Ours, or as Hugging Face's ``datasets`` writes them: the same without ``finding``."""
    if not pa.types.is_struct(kind) or kind == ENCODED:
        return bool(kind == ENCODED)
    fields = {field.name: field.type for field in kind}
    return set(fields) <= {"bytes", "path"} and "bytes" in fields and is_binary(fields["bytes"])


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_numeric_list(kind: pa.DataType) -> bool:
    if not _is_list(kind):
        return False
    return bool(pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type))
