"""A text column as distinct levels and codes, so that checks look at each distinct value once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MISSING_TOKENS = (
    "", "NA", "N/A", "n/a", "na", "<NA>", "#N/A", "#NA", "NaN", "nan", "NAN", "-nan", "-NaN",
    "NULL", "null", "Null", "None", "?",
)  # fmt: skip
MISSING = -1


@dataclass(frozen=True, slots=True)
class Levels:
    """Row i holds ``values[codes[i]]``, or nothing where ``codes[i]`` is -1.

    ``values`` : distinct strings, trimmed, none of them a missing token. ``codes`` : (n,) int32.
    """

    values: pa.StringArray
    codes: NDArray[np.int32]

    def first_row(self, level: int) -> int:
        """Data row, from 1, that first holds ``level``."""
        return int(np.argmax(self.codes == level)) + 1

    def counts(self) -> NDArray[np.int64]:
        """(len(values),) rows per level."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    def spread(self, per_level: NDArray[Any], missing: Any) -> NDArray[Any]:  # noqa: ANN401
        """(n,) of ``per_level`` by code, ``missing`` where there is none."""
        return np.append(per_level, np.asarray(missing, per_level.dtype))[self.codes]

    def relabel(self, values: pa.Array) -> "Levels":
        """The same rows under new names for the levels; equal names fall together."""
        distinct = pc.unique(values)
        return Levels(distinct, self.spread(_numpy(pc.index_in(values, distinct)), MISSING))

    def in_use(self) -> "Levels":
        """The same rows; levels that no row holds are gone."""
        used = self.counts() > 0
        if used.all():
            return self
        lookup = np.where(used, np.cumsum(used) - 1, MISSING).astype(np.int32)
        return Levels(self.values.filter(pa.array(used)), self.spread(lookup, MISSING))

    def to_arrow(self) -> pa.DictionaryArray:
        """Canonical form: sorted levels, only those in use, int32 indices."""
        used = self.counts() > 0
        values = self.values.filter(pa.array(used))
        values = values.take(pc.sort_indices(values))
        lookup = pc.fill_null(pc.index_in(self.values, values), MISSING)
        codes = self.spread(_numpy(lookup), MISSING)
        indices = pa.array(codes, pa.int32(), mask=codes == MISSING)
        return pa.DictionaryArray.from_arrays(indices, values)


def from_text(column: pa.ChunkedArray) -> Levels:
    """Levels of a string or dictionary column, with cells trimmed and missing tokens dropped.

    A dictionary may come with values that no row refers to; they are no levels.
    """
    whole = _one_dictionary(column)
    trimmed = pc.utf8_trim_whitespace(whole.dictionary)
    gone = pc.fill_null(pc.is_in(trimmed, pa.array(MISSING_TOKENS)), fill_value=True)
    gone = pc.or_(gone, pc.is_null(trimmed))
    if trimmed.equals(whole.dictionary) and not pc.any(gone).as_py():
        return Levels(trimmed, _numpy(pc.fill_null(whole.indices, MISSING))).in_use()
    values = pc.unique(trimmed.filter(pc.invert(gone)))
    lookup = _numpy(pc.fill_null(pc.index_in(trimmed, values), MISSING))
    codes = _numpy(pc.fill_null(whole.indices, len(lookup)))
    return Levels(values, np.append(lookup, np.int32(MISSING))[codes]).in_use()


def _one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Join first, encode then: the other order costs a dictionary per chunk."""
    joined = column.unify_dictionaries().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.chunk(0) if joined.num_chunks else pa.array([], column.type)
    return joined if pa.types.is_dictionary(joined.type) else joined.dictionary_encode()


def _numpy(array: pa.Array) -> NDArray[np.int32]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.int32)
