"""What training hands over to be exported."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.science.encoding.encoding import CategoricalColumn, Columns, Encoding, NumericColumn
from app.science.errors import InvalidNetwork, ScienceError
from app.science.export import encoding_check, golden, network_shapes
from app.science.relu_network.network import INPUT, Network

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class CardText:
    """What only people know of a model: words for its card."""

    title: str = ""
    purpose: str = ""
    dataset: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainedModel:
    """A trained network with all that its package says of it.

    ``golden`` : raw rows by column, (n,) each, n about 256, that the self-test runs; columns
    that the encoding does not read are left out of the package.
    ``evidence`` : see ``card`` for the keys that the card shows; ``conformal``, a document of
    ``evaluation.conformal``, gives the model its intervals; others are stored as they are.

    Raises
    ------
    ScienceError
        Network, encoding and golden rows do not fit together.
    """

    network: Network
    encoding: Encoding
    target_name: str
    provenance: dict[str, Any]
    evidence: dict[str, Any]
    golden: Columns
    card: CardText = CardText()

    def __post_init__(self) -> None:
        width = network_shapes.widths(self.network)[INPUT]
        if width != self.encoding.width:
            raise InvalidNetwork(f"{width} inputs, the encoding makes {self.encoding.width}")
        names = {column.name for column in self.encoding.columns}
        if len(encoding_check.sources(self.encoding)) > len(names):
            raise ScienceError("one column is read in two ways, as a number and as a level")
        for column in self.encoding.columns:
            if isinstance(column, CategoricalColumn) and "" in column.levels:
                raise ScienceError(f"column {column.name!r}: an empty text is a missing level")
        lengths = {len(self.golden[name]) for name in names}
        if len(lengths) != 1 or not 0 < min(lengths) <= golden.MAX_ROWS:
            raise ScienceError(f"golden rows: wanted 1 to {golden.MAX_ROWS}, got {lengths}")

    @property
    def golden_columns(self) -> dict[str, Any]:
        """The golden rows in the order of the encoding: float64, or text and None."""
        result: dict[str, Any] = {}
        for column in self.encoding.columns:
            values = self.golden[column.name]
            if isinstance(column, NumericColumn):
                result[column.name] = np.asarray(values, dtype=np.float64)
            else:
                result[column.name] = np.array([_level(v) for v in values], dtype=object)
        return result


def finite(encoding: Encoding) -> Encoding:
    """The encoding with open limits closed at the largest float, since JSON has no infinity."""
    return Encoding(
        tuple(
            replace(c, low=max(c.low, -_LARGEST), high=min(c.high, _LARGEST))
            if isinstance(c, NumericColumn)
            else c
            for c in encoding.columns
        )
    )


def _level(value: object) -> str | None:
    return None if value is None or value == "" else str(value)
