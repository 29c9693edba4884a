"""The encoding of a table as data: what ``preprocess.json`` stores.

Two kinds of column cover a table. ``numeric`` is filled, centered, scaled and clipped in float64,
and may then pass a monotone polygon, which is a sum of ReLUs.
``categorical`` looks its level up in a table of vectors, which holds a one-hot code, a target
encoding or any other: the last two rows of the table answer an unknown and a missing level.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FORMAT = "adaptnet-preprocess/1"
MAX_KNOTS = 33

Columns = Mapping[str, NDArray[Any]]
"""Column name to (n,): float64 with NaN for missing, or object of ``str | None``."""


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """z = clip(((x if present else fill) - center) / scale, low, high), in float64.

    ``source`` is ``number``, or ``datetime``: seconds since 1970-01-01 UTC. With
    ``missing_flag`` a second output is 1 where x is missing, else 0.

    ``knots`` and ``values``, where there are any, send z on through the polygon of these points,
    whose first and last piece go on beyond its ends: (l,), 2 to ``MAX_KNOTS``, knots ascending.
    """

    name: str
    source: Literal["number", "datetime"]
    fill: float
    center: float
    scale: float
    low: float
    high: float
    missing_flag: bool
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Outputs of this column."""
        return 2 if self.missing_flag else 1

    @property
    def output_names(self) -> tuple[str, ...]:
        """For readers."""
        return (self.name, f"{self.name} is missing")[: self.width]


@dataclass(frozen=True)
class CategoricalColumn:
    """Row ``i`` of ``table`` for ``levels[i]``, row -2 for an unknown level, row -1 for missing.

    ``table`` : (len(levels) + 2, width), float64.
    """

    name: str
    levels: tuple[str, ...]
    table: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Outputs of this column."""
        return int(self.table.shape[1])

    @property
    def output_names(self) -> tuple[str, ...]:
        """For readers: a one-hot column has its level's name."""
        if self.width == len(self.levels):
            return tuple(f"{self.name} = {level}" for level in self.levels)
        return tuple(f"{self.name} ({number})" for number in range(1, self.width + 1))


@dataclass(frozen=True)
class Encoding:
    """Columns in the order of their outputs; they add up to the network's ``input_dim``."""

    columns: tuple[NumericColumn | CategoricalColumn, ...]

    @property
    def width(self) -> int:
        """Length of the encoded vector."""
        return sum(column.width for column in self.columns)

    @property
    def output_names(self) -> tuple[str, ...]:
        """(width,), what each number of the encoded vector tells."""
        return tuple(name for column in self.columns for name in column.output_names)

    def tensors(self) -> dict[str, NDArray[np.float64]]:
        """The lookup tables by name, stored beside the weights in float64."""
        return {
            f"encoding.{index}.table": column.table
            for index, column in enumerate(self.columns)
            if isinstance(column, CategoricalColumn)
        }

    def to_json(self) -> dict[str, Any]:
        """What ``preprocess.json`` stores; tables are named and lie in the tensors."""
        return {
            "format": FORMAT,
            "columns": [_column_json(i, column) for i, column in enumerate(self.columns)],
        }


def _column_json(index: int, column: NumericColumn | CategoricalColumn) -> dict[str, Any]:
    if isinstance(column, CategoricalColumn):
        return {
            "kind": "categorical",
            "name": column.name,
            "levels": list(column.levels),
            "table": f"encoding.{index}.table",
        }
    return {
        "kind": "numeric",
        "name": column.name,
        "source": column.source,
        "fill": column.fill,
        "center": column.center,
        "scale": column.scale,
        "low": column.low,
        "high": column.high,
        "missing_flag": column.missing_flag,
        **({"knots": list(column.knots), "values": list(column.values)} if column.knots else {}),
    }


def from_json(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Encoding:
    """The encoding behind ``to_json`` and ``tensors``."""
    columns: list[NumericColumn | CategoricalColumn] = []
    for entry in document["columns"]:
        fields = {key: value for key, value in entry.items() if key != "kind"}
        if entry["kind"] == "numeric":
            for role in {"knots", "values"} & set(fields):
                fields[role] = tuple(map(float, fields[role]))
            columns.append(NumericColumn(**fields))
        else:
            table = np.asarray(tensors[entry["table"]], dtype=np.float64)
            columns.append(CategoricalColumn(entry["name"], tuple(entry["levels"]), table))
    return Encoding(tuple(columns))
