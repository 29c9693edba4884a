"""Tables with and without invariances: ten of each, and what the truth is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.structure.invariance.layout import TABLE, Images, Layout
from app.science.structure.invariance.signed_permutation import (
    SignedPermutation,
    flip,
    permutation,
    swap,
)

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

ROWS = 2000
NOISE = 0.3
COLUMNS = 8
SIDE = 4
SAME = 0.05
"""Root-mean-square change under an element, over the target's spread, that counts as none."""


@dataclass(frozen=True)
class Family:
    """A target on normal columns, of which some do not matter.

    generators : of the invariances that a search should find; a class is the sign of the value
    where ``classes`` is set
    """

    name: str
    function: Function
    generators: tuple[SignedPermutation, ...] = ()
    layout: Layout = TABLE
    classes: bool = False
    columns: int = COLUMNS

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Rows, and targets with noise: standardized, or one-hot."""
        x = rng.standard_normal((ROWS, self.columns))
        clean = self.function(x)
        y = clean + NOISE * clean.std() * rng.standard_normal(ROWS)
        if not self.classes:
            return x, y
        return x, np.eye(2)[(y > np.median(y)).astype(np.int64)]

    def holds(self, element: SignedPermutation) -> bool:
        """Whether the noiseless target stays the same."""
        x = np.random.default_rng(0).standard_normal((ROWS, self.columns))
        before, after = self.function(x), self.function(element(x, np.zeros(self.columns)))
        return bool(np.sqrt(((after - before) ** 2).mean()) <= SAME * before.std())


def _swap(i: int, j: int) -> SignedPermutation:
    return swap(COLUMNS, i, j)


def _flip(*columns: int) -> SignedPermutation:
    return flip(COLUMNS, columns)


def _images(x: Floats) -> Floats:
    return x.reshape(-1, SIDE, SIDE)


def _corners(x: Floats) -> Floats:
    """How bright the brightest corner is."""
    image = _images(x)
    corners = [np.rot90(image, k, (1, 2))[:, :2, :2].mean(axis=(1, 2)) for k in range(4)]
    return np.asarray(np.max(corners, axis=0))


def _halves(x: Floats) -> Floats:
    """How different the left half is from the right one."""
    image = _images(x)
    gap = image[:, :, :2].mean(axis=(1, 2)) - image[:, :, 2:].mean(axis=(1, 2))
    return np.asarray(np.abs(gap))


def _top(x: Floats) -> Floats:
    image = _images(x)
    return np.asarray(np.maximum(image[:, :2].mean(axis=(1, 2)), 0.0) + 0.3 * image[:, 3, 0])


_PLACES = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
_QUARTER = permutation(np.rot90(_PLACES).ravel())
_MIRROR = permutation(np.flip(_PLACES, 1).ravel())

INVARIANT = (
    Family(
        "sum of two",
        lambda x: np.sin(x[:, 0] + x[:, 1]) + 0.5 * x[:, 2],
        (_swap(0, 1),),
    ),
    Family(
        "product and square",
        lambda x: x[:, 0] * x[:, 1] + 0.5 * x[:, 2] ** 2,
        (_swap(0, 1), _flip(2)),
    ),
    Family(
        "largest of three",
        lambda x: x[:, :3].max(axis=1) + 0.5 * x[:, 3],
        (_swap(0, 1), _swap(1, 2)),
    ),
    Family(
        "spread of four",
        lambda x: x[:, :4].std(axis=1) + 0.3 * x[:, 4],
        (_swap(0, 1), _swap(1, 2), _swap(2, 3)),
    ),
    Family(
        "distance of two points",
        lambda x: np.hypot(x[:, 0] - x[:, 1], x[:, 2] - x[:, 3]),
        (_swap(0, 1), _swap(2, 3)),
    ),
    Family(
        "two even columns",
        lambda x: np.abs(x[:, 0]) + np.cos(1.5 * x[:, 1]) + 0.5 * x[:, 2],
        (_flip(0), _flip(1)),
    ),
    Family(
        "radius",
        lambda x: np.linalg.norm(x[:, :3], axis=1),
        (_swap(0, 1), _swap(1, 2), _flip(0)),
    ),
    Family(
        "class by a sum",
        lambda x: x[:, 0] + x[:, 1] + 0.7 * np.sin(2.0 * x[:, 2]),
        (_swap(0, 1),),
        classes=True,
    ),
    Family("brightest corner", _corners, (_QUARTER, _MIRROR), Images(SIDE, SIDE), columns=SIDE**2),
    Family("left against right", _halves, (_MIRROR,), Images(SIDE, SIDE), columns=SIDE**2),
)

OTHERS = (
    Family("weights 1 and 1.4", lambda x: x[:, 0] + 1.4 * x[:, 1] + 0.5 * np.sin(2.0 * x[:, 2])),
    Family("difference", lambda x: np.sin(x[:, 0] - x[:, 1]) + 0.5 * x[:, 2]),
    Family("sine and line", lambda x: np.sin(1.5 * x[:, 0]) + x[:, 1]),
    Family("largest, weighted", lambda x: np.maximum(x[:, 0], 0.6 * x[:, 1]) + 0.4 * x[:, 2]),
    Family("product and tilt", lambda x: x[:, 0] * x[:, 1] + 0.5 * x[:, 0] + 0.2 * x[:, 1]),
    Family("off the center", lambda x: np.abs(x[:, 0] - 0.3) + 0.5 * x[:, 1]),
    Family("square and tilt", lambda x: x[:, 0] ** 2 + 0.4 * x[:, 0] + x[:, 1]),
    Family("steep and flat", lambda x: np.tanh(2.0 * x[:, 0]) + np.tanh(0.7 * x[:, 1])),
    Family("class by weights", lambda x: x[:, 0] + 0.5 * x[:, 1] - 0.8 * x[:, 2], classes=True),
    Family("top of the image", _top, (), Images(SIDE, SIDE), columns=SIDE**2),
)
