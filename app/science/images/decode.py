"""From a decoded image file to the pixels that a network reads: upright, grey or RGB, one size.

The service does this when it takes a file in and when it trains; a model package does it again for
whoever predicts. It is one text, so that both see the same pixels.
"""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
MODES = {1: "L", 3: "RGB"}


def load_upright(image: Image.Image) -> None:
    """Decode, and turn a photograph as its camera says it was held."""
    image.load()
    if "exif" in image.info or image.format == "TIFF":  # asking the others for it takes time
        ImageOps.exif_transpose(image, in_place=True)


def plain(image: Image.Image) -> Image.Image:
    """Grey or RGB of 8 bits."""
    if image.mode.startswith("I;16"):
        high_bytes: NDArray[Any] = (np.asarray(image) >> 8).astype(np.uint8)  # as Pillow does
        return Image.fromarray(high_bytes)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def resized(image: Image.Image, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """(height, width, channels), stretched with a filter that averages where it shrinks.

    Parameters
    ----------
    image : grey or RGB
    channels : 1 (grey; color is weighed as in ITU-R 601) or 3 (grey is repeated)
    """
    wanted = image.convert(MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(wanted, dtype=np.uint8).reshape(height, width, channels)


def read(data: bytes, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The pixels of an image file; raises what Pillow raises where it is none."""
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        load_upright(image)
        return resized(plain(image), height, width, channels)
