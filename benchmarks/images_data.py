"""MNIST and CIFAR-10 as uint8 arrays; the test parts are read for reporting alone."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from benchmarks.data import DATA

Images = NDArray[np.uint8]
Ints = NDArray[np.int64]

QUICK_ROWS, QUICK_TEST_ROWS = 2_000, 1_000
PER_CLASS = (50, 100, 500, 1_000)
WHOLE = ("MNIST", "CIFAR-10")
SMALL = {f"CIFAR-10, {n_rows:,} a class": n_rows for n_rows in PER_CLASS}
NAMES = (*SMALL, *WHOLE)
"""Small ones first."""


@dataclass(frozen=True)
class ImageSet:
    """train, test : (n, h, w, c); codes from 0; mirrored : a mirror image means the same."""

    name: str
    train: Images
    train_codes: Ints
    test: Images
    test_codes: Ints
    classes: tuple[str, ...]
    mirrored: bool

    def first(self, n_rows: int | None, n_test: int | None = None) -> "ImageSet":
        """The first rows of each part."""
        name = self.name if n_rows is None else f"{self.name}, first {n_rows:,}"
        parts = (self.train[:n_rows], self.train_codes[:n_rows])
        return ImageSet(
            name,
            *parts,
            self.test[:n_test],
            self.test_codes[:n_test],
            self.classes,
            self.mirrored,
        )

    def per_class(self, n_rows: int, seed: int) -> "ImageSet":
        """That many training images a class, drawn at random; all of the test part."""
        order = np.random.default_rng([seed, n_rows]).permutation(len(self.train))
        codes = self.train_codes[order]
        groups = [order[codes == code][:n_rows] for code in range(len(self.classes))]
        rows = np.sort(np.concatenate(groups))
        return ImageSet(
            f"{self.name}, {n_rows:,} a class",
            self.train[rows],
            self.train_codes[rows],
            self.test,
            self.test_codes,
            self.classes,
            self.mirrored,
        )


def sets(names: Sequence[str], *, quick: bool) -> list[ImageSet]:
    """The problems of these names; if it must be quick, the first images of the whole ones."""
    whole = {"MNIST": cache(mnist), "CIFAR-10": cache(cifar10)}
    if quick:
        kept = [name for name in names if name in WHOLE]
        return [whole[name]().first(QUICK_ROWS, QUICK_TEST_ROWS) for name in kept]
    return [
        whole[name]() if name in WHOLE else whole["CIFAR-10"]().per_class(SMALL[name], seed=0)
        for name in names
    ]


def mnist() -> ImageSet:
    """The official parts."""
    with np.load(DATA / "images" / "mnist.npz", allow_pickle=False) as file:
        parts = [file[name] for name in ("X_train", "y_train", "X_test", "y_test")]
    train, train_codes, test, test_codes = parts
    return ImageSet(
        "MNIST",
        train[..., None],
        train_codes.astype(np.int64),
        test[..., None],
        test_codes.astype(np.int64),
        tuple(str(digit) for digit in range(10)),
        mirrored=False,
    )


def cifar10() -> ImageSet:
    """As JPEG, decoded; a mirror image of an animal or a vehicle is another one of its class."""
    parts = [_decoded(part) for part in ("train", "test")]
    classes = np.unique(parts[0][1])
    codes = [np.searchsorted(classes, labels) for _, labels in parts]
    return ImageSet(
        "CIFAR-10",
        parts[0][0],
        codes[0],
        parts[1][0],
        codes[1],
        tuple(str(name) for name in classes),
        mirrored=True,
    )


def _decoded(part: str) -> tuple[Images, NDArray[np.str_]]:
    table = pq.read_table(DATA / "images" / f"cifar10_{part}.parquet")
    images = np.empty((len(table), 32, 32, 3), np.uint8)
    for row, data in enumerate(table.column("image")):
        with Image.open(io.BytesIO(data.as_py())) as picture:
            images[row] = np.asarray(picture.convert("RGB"))
    return images, np.asarray(table.column("label").to_pylist())
