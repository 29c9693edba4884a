"""What the columns of a row stand for, which decides what could be an invariance.

Source: none.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["table", "images", "point_sets"]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table.

    zero : (p,), the encoded value of each column's own zero, a likely center of symmetry;
    by default 0; names : (p,), for readers
    """

    zero: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    kind: Kind = "table"

    def name(self, column: int) -> str:
        """A column as readers know it."""
        return self.names[column] if self.names else f"column {column}"


@dataclass(frozen=True, slots=True)
class Images:
    """A row is a flattened (height, width, channels) image."""

    height: int
    width: int
    channels: int = 1
    kind: Kind = "images"

    @property
    def places(self) -> NDArray[np.int64]:
        """(height, width, channels), the column of every pixel."""
        n = self.height * self.width * self.channels
        return np.arange(n).reshape(self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class PointSets:
    """A row is a flattened (n_points, dim) list of points, centered as a whole."""

    n_points: int
    dim: int
    kind: Kind = "point_sets"


Layout = Table | Images | PointSets
TABLE = Table()
