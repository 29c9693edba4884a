"""One image of unknown origin: checked from its header, decoded once, kept in one of two forms.

What is stored is the original file where that is a grey or RGB PNG or JPEG of 8 bits, else a PNG
made of its pixels. Every change of the pixels is a finding that says so.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from app.science.images.decode import FORMATS, load_upright
from app.science.images.decode import plain as plain_image
from app.tables.finding import Finding
from app.tables.limits import Limits
from app.tables.media import DIGEST_BYTES
from app.tables.problem import excerpt

KEPT = ("PNG", "JPEG", "MPO")  # MPO: a JPEG with a second picture behind it
COLOR_MODELS = ("CMYK", "YCbCr", "LAB", "HSV")
BIT_DEPTH_AT = 24  # in the header of a PNG; Pillow reads 16-bit color as 8-bit without a word
DECODE_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
AGAIN = "Save it again as an 8-bit RGB or grey PNG or JPEG"

Mode = Literal["L", "RGB"]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """A usable image. ``digest`` is that of its pixels, whatever file they came in.

    Parameters
    ----------
    data : a PNG or JPEG that ``decode`` reads
    height, width : in pixels, upright
    """

    data: bytes
    digest: bytes
    height: int
    width: int
    mode: Mode
    findings: tuple[Finding, ...] = ()


def check_image(data: bytes, limits: Limits) -> CheckedImage | Finding:
    """Decode the file ``data``; the finding says why it is of no use."""
    if len(data) > limits.max_image_bytes:
        return too_many_bytes(len(data), limits)
    known = ", ".join(FORMATS)
    found = Finding("not_an_image", f"is none of {known}, or ends in its header", f"{AGAIN}.")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            return _check(image, data, limits)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        found = _pixels_out_of_range("more pixels than any camera makes", limits)
    except UnidentifiedImageError:
        pass
    except DECODE_ERRORS as error:
        why = excerpt(str(error) or type(error).__name__)
        found = Finding("broken_image", f"cannot be decoded: {why}", f"{AGAIN}, or drop the row.")
    return found


def check_pixels(pixels: Pixels, limits: Limits) -> CheckedImage | Finding:
    """The image with these pixels, (h, w) grey or (h, w, c) with 1, 3 or 4 channels."""
    height, width = pixels.shape[:2]
    if not 0 < height * width <= limits.max_image_pixels:
        return _pixels_out_of_range(f"{width} x {height} pixels", limits)
    grey = pixels.ndim == 3 and pixels.shape[2] == 1
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))
    plain = plain_image(image)
    return _checked(plain, _png(plain), tuple(_conversions(image, b"")))


def decode(data: bytes) -> Image.Image:
    """Upright pixels of what ``CheckedImage.data`` holds, grey or RGB."""
    with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
        load_upright(image)
        return image


def too_many_bytes(n_bytes: int, limits: Limits) -> Finding:
    """The finding about a file that is not looked into."""
    what = f"has {n_bytes} bytes; the limit is {limits.max_image_bytes}"
    return Finding("huge_image", what, "Make it smaller.")


def _pixels_out_of_range(found: str, limits: Limits) -> Finding:
    what = f"has {found}; wanted 1 to {limits.max_image_pixels}"
    return Finding("huge_image", what, "Make it smaller; networks see a few hundred pixels a side.")


def _check(image: Image.Image, data: bytes, limits: Limits) -> CheckedImage | Finding:
    if not 0 < image.width * image.height <= limits.max_image_pixels:
        return _pixels_out_of_range(f"{image.width} x {image.height} pixels", limits)
    if image.mode in ("I", "F"):
        what = "has 32 bits a channel, whose range is not known"
        return Finding("broken_image", what, "Scale the pixels to 8 bits and save a PNG.")
    findings = tuple(_conversions(image, data))
    original, form = image.mode, image.format
    load_upright(image)
    plain = plain_image(image)
    is_kept = form in KEPT and not findings and plain.mode == original
    return _checked(plain, data if is_kept else _png(plain), findings)


def _conversions(image: Image.Image, data: bytes) -> Iterator[Finding]:
    """What will change, from the header alone."""
    if getattr(image, "is_animated", False) and image.format != "MPO":
        yield Finding("animated_image", "is animated; its first frame was taken", f"{AGAIN}.")
    png_depth = data[BIT_DEPTH_AT] if image.format == "PNG" else 8
    if png_depth == 16 or image.mode.startswith("I;16"):
        yield Finding("deep_image", "has 16 bits a channel; it was scaled to 8", f"{AGAIN}.")
    if image.mode in ("P", "PA"):
        yield Finding("palette_image", "has a palette; it was converted to RGB", f"{AGAIN}.")
    if image.mode in COLOR_MODELS:
        yield Finding("color_model", f"is {image.mode}; it was converted to RGB", f"{AGAIN}.")
    if image.has_transparency_data:
        yield Finding("transparent_image", "is transparent; it was laid on white", f"{AGAIN}.")


def _checked(plain: Image.Image, data: bytes, findings: tuple[Finding, ...]) -> CheckedImage:
    mode: Mode = "L" if plain.mode == "L" else "RGB"
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(f"{mode} {plain.width} {plain.height}\n".encode())
    digest.update(plain.tobytes())
    return CheckedImage(data, digest.digest(), plain.height, plain.width, mode, findings)


def _png(plain: Image.Image) -> bytes:
    """A fast PNG of the pixels and nothing else: no profile, no position, no text."""
    pixels: NDArray[Any] = np.asarray(plain)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
