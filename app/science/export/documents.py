"""Strict JSON: one spelling on the way out, bounds on the way in."""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from app.science.export.errors import PackageError

MAX_DEPTH = 32
MAX_DIGITS = 20
MAX_BYTES = 64 << 20


def write(document: Mapping[str, Any]) -> bytes:
    """Sorted keys, two spaces, UTF-8; the same document always gives the same bytes.

    NaN and infinities become null, because JSON has no word for them.
    """
    text = json.dumps(_plain(document), indent=2, sort_keys=True, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def read(part: str, data: bytes) -> dict[str, Any]:
    """Parse an object from an untrusted file.

    Raises
    ------
    PackageError
        Not UTF-8 JSON, too large, too deep, a key twice, NaN, or no object at the top.
    """
    if len(data) > MAX_BYTES:
        raise PackageError(part, f"{len(data)} bytes of JSON, the limit is {MAX_BYTES}")
    try:
        text = data.decode("utf-8", "surrogatepass")
        document = json.loads(
            text, object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_int=_short_int
        )
    except RecursionError:
        raise PackageError(part, "JSON is nested too deeply") from None
    except ValueError as error:  # also UnicodeDecodeError and numbers of thousands of digits
        raise PackageError(part, f"is no valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise PackageError(part, "holds no JSON object")
    if _deeper_than(document, MAX_DEPTH):
        raise PackageError(part, f"JSON is nested more than {MAX_DEPTH} deep")
    return document


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Numpy scalars to Python, tuples to lists, non-finite numbers to None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return document


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _short_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _deeper_than(document: object, limit: int) -> bool:
    level: list[Any] = [document]
    for _ in range(limit):
        below = (item.values() if isinstance(item, dict) else item for item in level)
        level = [child for items in below for child in items if isinstance(child, dict | list)]
    return bool(level)
