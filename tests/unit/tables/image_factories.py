"""Image files, good and bad, as plain functions."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def pixels(seed: int = 0, shape: tuple[int, ...] = (12, 10, 3)) -> Pixels:
    """Noise, so that no two seeds give the same image."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: Image.Image | Pixels, form: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401
    """The file of an image."""
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    made.save(buffer, format=form, **options)
    return buffer.getvalue()


def png_that_declares(width: int, height: int) -> bytes:
    """A small PNG whose header says another size; its checksum is right."""
    content = bytearray(encoded(pixels()))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def zip_bytes(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parquet_bytes(folder: Path, table: pa.Table) -> bytes:
    """What pyarrow writes."""
    path = folder / "written.parquet"
    pq.write_table(table, path)
    return path.read_bytes()
