"""From distinct strings to numbers, booleans and instants, with the first string that will not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

INSTANT = pa.timestamp("us", tz="UTC")
BOOLEANS = {
    "true": "true", "t": "true", "yes": "true", "y": "true", "1": "true",
    "false": "false", "f": "false", "no": "false", "n": "false", "0": "false",
}  # fmt: skip
NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[iI]nf(inity)?|INF)$"
_DATE_LIKE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T][0-9:.]+ ?(Z|[+-]\d\d:?\d\d)?)?$"
_CLEAR_DATES = ("%Y/%m/%d", "%d.%m.%Y")
_SLASH_DATES = ("%m/%d/%Y", "%d/%m/%Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Dates:
    """Parsed instants, or why there are none."""

    instants: pa.Array | None
    is_ambiguous: bool = False


def not_numbers(values: pa.Array) -> NDArray[np.int64]:
    """Positions of the strings that are not written as a decimal number."""
    matches = pc.match_substring_regex(values, NUMBER)
    return np.flatnonzero(~np.asarray(matches.to_numpy(zero_copy_only=False), dtype=np.bool_))


def numbers(values: pa.Array) -> NDArray[np.float64] | None:
    """float64 of each string, or nothing if one of them is no number."""
    if len(not_numbers(values[:50])):
        return None
    try:
        parsed = pc.cast(values, pa.float64())
    except pa.ArrowInvalid:
        if len(not_numbers(values)):
            return None
        parsed = pc.cast(pc.utf8_ltrim(values, characters="+"), pa.float64())
    return np.asarray(parsed.to_numpy(zero_copy_only=False), np.float64)


def has_leading_zeros(values: pa.Array) -> bool:
    """Whether a string such as 00501 would lose its zeros as a number."""
    from_zero = values.filter(pc.starts_with(values, "0"))
    return bool(pc.any(pc.match_substring_regex(from_zero, r"^0\d+$")).as_py())


def has_inexact_integers(values: pa.Array) -> bool:
    """Whether an integer is too long for float64, that is, beyond 2**53 and not representable."""
    long = values.filter(pc.greater(pc.binary_length(values), 15))
    long = long.filter(pc.match_substring_regex(long, r"^[+-]?\d{16,}$"))
    return any(int(float(text)) != int(text) for text in map(_short, long.to_pylist()))


def booleans(values: pa.Array) -> tuple[pa.Array, int | None]:
    """``"true"`` or ``"false"`` of each string, and the position of the first that is neither."""
    mapped = [BOOLEANS.get(text.lower()) for text in values.to_pylist()]
    bad = next((index for index, text in enumerate(mapped) if text is None), None)
    return pa.array(mapped, pa.string()), bad


def dates(values: pa.Array) -> Dates:
    """Instants of ISO 8601 strings, or of day.month.year and slashes where no doubt is left."""
    if not _all_match(values[:50]) or not _all_match(values):
        return Dates(None)
    text = pc.replace_substring_regex(values, pattern=r"(\.\d{6})\d+", replacement=r"\1")
    for kind in (pa.timestamp("us"), INSTANT):
        instants = _cast(text, kind)
        if instants is not None:
            return Dates(instants)
    return _by_pattern(text)


def first_bad_date(values: pa.Array) -> int:
    """Position of the first string that is no ISO date, where ``dates`` found nothing."""
    for index in range(len(values)):
        if dates(values[index : index + 1]).instants is None:
            return index
    return 0


def _short(text: Any) -> str:  # noqa: ANN401  pyarrow's values are untyped
    return str(text)[:300]


def _by_pattern(text: pa.Array) -> Dates:
    for form in _CLEAR_DATES:
        instants = _strptime(text, form)
        if instants is not None:
            return Dates(instants)
    month_first, day_first = (_strptime(text, form) for form in _SLASH_DATES)
    if month_first is not None and day_first is not None and not month_first.equals(day_first):
        return Dates(None, is_ambiguous=True)
    return Dates(day_first if month_first is None else month_first)


def _all_match(values: pa.Array) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, _DATE_LIKE)).as_py())


def _cast(text: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(pc.cast(text, kind), INSTANT)
    except pa.ArrowInvalid:
        return None


def _strptime(text: pa.Array, form: str) -> pa.Array | None:
    for clock in _CLOCKS:
        parsed = pc.strptime(text, format=form + clock, unit="us", error_is_null=True)
        if parsed.null_count == 0:
            return pc.cast(parsed, INSTANT)
    return None
