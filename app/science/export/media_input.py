"""Images and point sets as people have them, to the one array that a model reads.

``reading`` is what the package says of its input: a size and channels, or the columns of a point.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.science.export.errors import InvalidRows, PackageError
from app.science.images import decode

Inputs = NDArray[Any]
Reading = Mapping[str, Any]
MAX_SIDE, MAX_COLUMNS = 4096, 64
UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, Image.DecompressionBombError)


def images(reading: Reading, items: Iterable[Any]) -> Inputs:
    """uint8 (n, height, width, channels) of files, of their bytes, or of arrays of 8-bit pixels.

    An array (n, height, width, channels) of the model's own size is taken as it is.

    Raises
    ------
    InvalidRows
        With the first item that is no image.
    """
    size = (reading["height"], reading["width"], reading["channels"])
    if isinstance(items, np.ndarray) and items.dtype == np.uint8 and items.shape[1:] == size:
        return items
    found = [_image(number, item, size) for number, item in enumerate(items)]
    return np.stack(found) if found else np.empty((0, *size), np.uint8)


def _image(number: int, item: Any, size: tuple[int, int, int]) -> NDArray[np.uint8]:  # noqa: ANN401
    try:
        if isinstance(item, np.ndarray):
            flat = item[:, :, 0] if item.ndim == 3 and item.shape[2] == 1 else item
            return decode.resized(decode.plain(Image.fromarray(flat)), *size)
        data = item if isinstance(item, bytes) else Path(item).read_bytes()
        return decode.read(data, *size)
    except UNREADABLE as error:
        name = f"image {number} (from 0)" if isinstance(item, bytes | np.ndarray) else str(item)
        raise InvalidRows(f"{name} cannot be read as an image: {error}") from None


def points(reading: Reading, items: Iterable[Any]) -> Inputs:
    """float32 (n, points, columns) of sets (points, columns); shorter ones are padded with NaN.

    Raises
    ------
    InvalidRows
        With the first set that has other columns, no points, or numbers that are not finite.
    """
    columns = reading["columns"]
    if isinstance(items, np.ndarray) and items.ndim == 3 and items.dtype == np.float32:
        if items.shape[2] != columns:
            raise InvalidRows(f"a point has {items.shape[2]} numbers, wanted are {columns}")
        return items
    sets = [np.asarray(item, dtype=np.float32) for item in items]
    for number, one in enumerate(sets):
        if one.ndim != 2 or not len(one) or one.shape[1] != columns or not np.isfinite(one).all():
            raise InvalidRows(
                f"point set {number} (from 0) of shape {one.shape}: wanted are finite numbers, "
                f"(points, {columns})"
            )
    found = np.full((len(sets), max(map(len, sets), default=0), columns), np.nan, np.float32)
    for row, one in zip(found, sets, strict=True):
        row[: len(one)] = one
    return found


READERS: Mapping[str, Callable[[Reading, Iterable[Any]], Inputs]] = {
    "image": images,
    "points": points,
}
"""By the kind of the column that a model was trained on."""

LIMITS: Mapping[str, Mapping[str, int]] = {
    "image": {"height": MAX_SIDE, "width": MAX_SIDE, "channels": 3},
    "points": {"columns": MAX_COLUMNS},
}
"""What a reading has to say, and up to which number it is believed."""


def check(kind: str, reading: Reading) -> None:
    """Raise ``PackageError`` unless an untrusted package's reading is one that we know."""
    limits = LIMITS.get(kind)
    if limits is None:
        raise PackageError("preprocess.json", f"kind {kind!r:.40} is unknown to this reader")
    for name, most in limits.items():
        value = reading.get(name)
        if type(value) is not int or not 1 <= value <= most:
            raise PackageError("preprocess.json", f"{name} is malformed")
