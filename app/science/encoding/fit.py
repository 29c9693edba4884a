"""Fit an encoding on training rows: which columns stay, and how each becomes numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.science.encoding import apply
from app.science.encoding.categorical import (
    MAX_ONE_HOT,
    level_counts,
    one_hot,
    target_encoded,
)
from app.science.encoding.encoding import CategoricalColumn, Columns, Encoding, NumericColumn
from app.science.encoding.numeric import Shape, fit_numeric
from app.science.errors import NoUsableColumns
from app.science.relu_network.network import Task

Role = Literal["number", "datetime", "categorical"]
GroupKind = Literal["numeric", "one_hot", "target_encoded"]

MAX_ENCODED_CLASSES = 10
ID_SHARE, ID_MIN_LEVELS = 0.95, 20


@dataclass(frozen=True, slots=True)
class DroppedColumn:
    """A column the network does not read, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """Where a column went: outputs ``start`` to ``stop`` (exclusive) of the encoded vector.

    Of a numeric group with two outputs the second is the missing flag.
    """

    name: str
    kind: GroupKind
    start: int
    stop: int


@dataclass(frozen=True)
class FittedEncoding:
    """An encoding and its training rows.

    ``matrix`` : (n, p). Equals ``transform(encoding, columns)`` except in target-encoded
    groups, which are out of fold here, so train on this one.
    """

    encoding: Encoding
    matrix: NDArray[np.float64]
    dropped: tuple[DroppedColumn, ...]
    groups: tuple[OutputGroup, ...]


@dataclass(frozen=True)
class _Part:
    column: NumericColumn | CategoricalColumn
    matrix: NDArray[np.float64]
    kind: GroupKind


def fit_encoding(
    columns: Columns,
    roles: Mapping[str, Role],
    target: NDArray[Any],
    task: Task,
    *,
    seed: int,
    shape: Shape = "robust",
) -> FittedEncoding:
    """Fit on training rows only; validation and test rows go through ``apply.transform``.

    Parameters
    ----------
    columns : name to (n,); numbers and seconds as float64, categories as ``str | None``
    roles : the columns to use, in the order of the network's inputs
    target : (n,), value or class code
    seed : of the folds of target encodings
    shape : what becomes of the shape of numbers and times, see ``numeric.fit_numeric``

    Raises
    ------
    MissingColumn
        ``roles`` names a column that ``columns`` lacks.
    NoUsableColumns
        Every column was dropped; the message lists the reasons.
    """
    outputs = _outputs(target, task)
    parts: list[_Part] = []
    dropped: list[DroppedColumn] = []
    seen: dict[bytes, str] = {}
    for index, (name, role) in enumerate(roles.items()):
        values = apply.raw(columns, name)
        if role == "categorical":
            rng = np.random.default_rng((seed, index))
            part = _fit_categorical(name, values, outputs, rng)
        else:
            part = _fit_number(name, role, values, shape)
        twin = None if isinstance(part, str) else seen.setdefault(_content(role, values), name)
        if isinstance(part, str):
            dropped.append(DroppedColumn(name, part))
        elif twin != name:
            dropped.append(DroppedColumn(name, f"repeats {twin!r}"))
        else:
            parts.append(part)
    if not parts:
        reasons = "; ".join(f"{column.name!r}: {column.reason}" for column in dropped)
        raise NoUsableColumns(f"no column is usable ({reasons or 'none was given'})")
    return _join(parts, dropped)


def _outputs(target: NDArray[Any], task: Task) -> NDArray[np.float64]:
    """What target encodings average, (n, c): the value, class 1, or the most frequent classes."""
    column = np.asarray(target)[:, None]
    if task == "regression":
        return column.astype(np.float64)
    averaged = np.array([1])
    if task == "multiclass":
        by_rows = np.argsort(-np.bincount(target), kind="stable")
        averaged = np.sort(by_rows[:MAX_ENCODED_CLASSES])
    indicators: NDArray[np.bool_] = column == averaged
    return indicators.astype(np.float64)


def _fit_number(
    name: str, source: Literal["number", "datetime"], values: NDArray[Any], shape: Shape
) -> _Part | str:
    column = fit_numeric(name, source, apply.numbers(name, values), shape)
    if isinstance(column, str):
        return column
    return _Part(column, apply.encoded(column, values), "numeric")


def _fit_categorical(
    name: str, values: NDArray[Any], outputs: NDArray[np.float64], rng: np.random.Generator
) -> _Part | str:
    counts, n_missing = level_counts(values)
    reason = _useless(len(counts), len(values) - n_missing, n_missing)
    if reason:
        return reason
    kind: GroupKind = "target_encoded" if len(counts) > MAX_ONE_HOT else "one_hot"
    if kind == "target_encoded":
        fitted = target_encoded(name, values, counts, outputs, rng)
    else:
        fitted = one_hot(name, values, counts, n_missing)
    return fitted if isinstance(fitted, str) else _Part(fitted.column, fitted.matrix, kind)


def _useless(n_levels: int, n_present: int, n_missing: int) -> str | None:
    if not n_levels:
        return "all values are missing"
    if n_levels == 1 and not n_missing:
        return "constant"
    if n_levels >= max(ID_MIN_LEVELS, ID_SHARE * n_present):
        return f"looks like an identifier: {n_levels} levels in {n_present} rows"
    return None


def _content(role: Role, values: NDArray[Any]) -> bytes:
    """Equal for columns that split the rows alike; categories may differ in their names."""
    if role == "categorical":
        order: dict[Any, int] = {}
        codes = (order.setdefault(value, len(order)) for value in values)
        return b"c" + np.fromiter(codes, dtype=np.int64, count=len(values)).tobytes()
    present = np.asarray(values, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
    return b"n" + np.where(np.isnan(present), np.nan, present).tobytes()


def _join(parts: list[_Part], dropped: list[DroppedColumn]) -> FittedEncoding:
    stops = np.cumsum([part.column.width for part in parts]).tolist()
    groups = tuple(
        OutputGroup(part.column.name, part.kind, stop - part.column.width, stop)
        for part, stop in zip(parts, stops, strict=True)
    )
    matrix = np.concatenate([part.matrix for part in parts], axis=1, dtype=np.float64)
    encoding = Encoding(tuple(part.column for part in parts))
    return FittedEncoding(encoding, matrix, tuple(dropped), groups)
