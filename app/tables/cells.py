"""The kinds of cells: float64 with NaN, instants, text as levels, and images and points."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.tables.casts import INSTANT
from app.tables.levels import Levels, from_text
from app.tables.media import MediaKind, kind_of
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.schema import Storage


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one column: numbers (n,) with NaN, levels, or an Arrow array.

    The array is one of instants, or says of images or point sets what ``app.tables.media`` keeps.
    """

    data: NDArray[np.float64] | pa.Array | Levels
    is_boolean: bool = False

    @property
    def n_rows(self) -> int:
        """Rows, with and without a value."""
        return len(self.data.codes if isinstance(self.data, Levels) else self.data)

    @property
    def storage(self) -> Storage:
        """As in ``ColumnSchema.storage``."""
        if isinstance(self.data, Levels):
            return "string"
        if isinstance(self.data, np.ndarray):
            return "number"
        return self.media or "datetime"

    @property
    def media(self) -> MediaKind | None:
        """Images or point sets; None where the cells stand for themselves."""
        if isinstance(self.data, Levels | np.ndarray):
            return None
        return kind_of(self.data.type)

    def to_arrow(self) -> pa.Array:
        """Canonical Arrow, as ``ReadTable.table`` holds it."""
        if isinstance(self.data, Levels):
            return self.data.to_arrow()
        if isinstance(self.data, np.ndarray):
            values = self.data + 0.0  # -0.0 becomes 0.0
            return pa.array(values, pa.float64(), mask=np.isnan(values))
        return self.data


def from_column(name: str, column: pa.ChunkedArray, log: ProblemLog) -> Cells:
    """Decode a column of any supported Arrow type."""
    kind = column.type
    if kind_of(kind) is not None:
        return Cells(_whole(column))
    if pa.types.is_boolean(kind):
        return Cells(from_text(pc.if_else(column, "true", "false")), is_boolean=True)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Cells(_instants(name, column, log))
    is_inexact = pa.types.is_integer(kind) and not _is_exact(column)
    if is_inexact:
        _warn_inexact(name, log)
    if is_inexact or pa.types.is_null(kind):
        column = column.cast(pa.string())
    is_text = pa.types.is_dictionary(column.type) or pa.types.is_string(column.type)
    return Cells(from_text(column) if is_text else _floats(column))


def without_infinities(
    name: str, values: NDArray[np.float64], log: ProblemLog
) -> NDArray[np.float64]:
    """Infinite cells become missing, and a warning says how many and where the first is."""
    infinite = np.isinf(values)
    count = int(np.count_nonzero(infinite))
    if not count:
        return values
    row = int(np.argmax(infinite))
    log.add(
        Problem(
            "infinite_value",
            f"Column {excerpt(name)!r} holds {count} infinite values, first in row {row + 1}; "
            "they were taken as missing.",
            "Replace them by the right numbers, or leave the cells empty.",
            row=row + 1,
            column=name,
            count=count,
            value_excerpt=str(values[row]),
            severity="warning",
        )
    )
    return np.where(infinite, np.nan, values)


def _warn_inexact(name: str, log: ProblemLog) -> None:
    log.add(
        Problem(
            "inexact_integers",
            f"Column {excerpt(name)!r} holds integers beyond 2**53, which float64 cannot hold; "
            "they were kept as text.",
            "If they are measurements, divide them first; if they are names, all is well.",
            column=name,
            severity="warning",
        )
    )


def _is_exact(column: pa.ChunkedArray) -> bool:
    try:
        column.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    floats = column.cast(pa.float64(), safe=False)
    return np.array(floats.to_numpy(zero_copy_only=False), dtype=np.float64)


def _instants(name: str, column: pa.ChunkedArray, log: ProblemLog) -> pa.Array:
    kind = column.type
    safe = not (pa.types.is_timestamp(kind) and kind.unit == "ns")
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    try:
        plain = column.cast(pa.timestamp("us", tz=zone), safe=safe).cast(INSTANT)
    except (pa.ArrowException, ValueError) as error:
        log.fail(
            Problem(
                "date_out_of_range",
                f"Column {excerpt(name)!r} holds dates that microseconds cannot hold: "
                f"{excerpt(str(error))}.",
                "Correct the dates, or send the column as text.",
                column=name,
            )
        )
    return _whole(plain)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        return whole.chunk(0) if whole.num_chunks else pa.array([], column.type)
    return whole
