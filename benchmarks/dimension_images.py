"""MNIST and CIFAR-10: raw k = 20 and calibrated, whole and by class, beside published numbers."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.science.intrinsic_dimension.report import measure
from benchmarks.data import DATA
from benchmarks.dimension_rows import Points, Row, span

PUBLISHED = {"MNIST": 13, "CIFAR-10": 26}
EXPLANATION = (
    "The published 13 and 26 are raw pooled estimates at k = 20, which say less than d where d is "
    "high for the sample; the calibrated value is the d of flat clouds that would show such a raw "
    "number."
)
QUICK_ROWS = 10_000


def images(*, quick: bool) -> Iterator[Row]:
    """One row a data set; a set that is not there says so."""
    for name, load in (("MNIST", _mnist), ("CIFAR-10", _cifar10)):
        try:
            points, labels = load(QUICK_ROWS if quick else None)
        except (OSError, ImportError) as error:
            yield Row(name, f"skipped: {error}"[:52])
            continue
        yield _row(name, points, labels)


def _row(name: str, points: Points, labels: NDArray[Any]) -> Row:
    report = measure(points, labels=labels)
    document = report.to_json()
    raw = document["raw"]["mle_k20"]
    classes = {each["label"]: each["value"] for each in document["by_class"]}
    low, high = min(classes.values()), max(classes.values())
    return Row(
        f"{name}, {len(points)} rows (published raw {PUBLISHED[name]})",
        f"raw {raw:.1f}, calibrated {span(report.recommended)}, by class {low:.1f}-{high:.1f}",
        values={
            "raw_k20": raw,
            "published": PUBLISHED[name],
            "recommended": document["recommended"],
            "by_class": document["by_class"],
            "scale_curve": document["scale_curve"],
            "flags": document["flags"],
            "seconds": document["backend"]["seconds"],
            "explanation": EXPLANATION,
        },
    )


def _mnist(rows: int | None) -> tuple[Points, NDArray[Any]]:
    with np.load(DATA / "images" / "mnist.npz", allow_pickle=False) as file:
        pixels, labels = file["X_train"][:rows], file["y_train"][:rows]
    return pixels.reshape(len(pixels), -1).astype(np.float32) / 255, labels


def _cifar10(rows: int | None) -> tuple[Points, NDArray[Any]]:
    table = pq.read_table(DATA / "images" / "cifar10_train.parquet").slice(0, rows)
    points = np.empty((len(table), 3_072), np.float32)
    for row, data in enumerate(table.column("image")):
        points[row] = _decoded(data.as_py())
    return points / 255, np.asarray(table.column("label").to_pylist())


def _decoded(data: bytes) -> NDArray[np.uint8]:
    """The pixels of one compressed 32 x 32 picture, (3072,)."""
    try:
        from PIL import Image  # noqa: PLC0415 - only this set needs it
    except ImportError:
        from matplotlib.image import imread  # noqa: PLC0415

        pixels = imread(io.BytesIO(data))
        return np.round(255 * pixels[..., :3]).astype(np.uint8).ravel()
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).ravel()
