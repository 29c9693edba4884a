"""The target as numbers, and the task that it asks for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.errors import DegenerateTarget
from app.science.relu_network.network import Task

MAX_INTEGER_CLASSES = 20
MAX_CLASSES = 200
MIN_CLASS_ROWS = 2


@dataclass(frozen=True)
class EncodedTarget:
    """What the network learns.

    ``values`` : (n,), float64 for regression, else int64 codes into ``classes``; ``classes``
    is empty for regression, else in numeric or alphabetic order.
    """

    task: Task
    values: NDArray[Any]
    classes: tuple[str, ...]


def encode_target(values: NDArray[Any], task: Task | None = None) -> EncodedTarget:
    """Encode a target, inferring the task where none is given.

    Two distinct values are ``binary``. Text, and up to 20 distinct whole numbers, are
    ``multiclass``. Other numbers are ``regression``.

    Parameters
    ----------
    values : (n,), numbers or text, without missing values: drop those rows first

    Raises
    ------
    DegenerateTarget
        One value only, a class with a single row, more than 200 classes, missing values, or
        values that do not fit the task.
    """
    numeric = _numbers(values)
    _refuse_missing(values, numeric)
    distinct, codes, counts = np.unique(
        values.astype(str) if numeric is None else numeric, return_inverse=True, return_counts=True
    )
    if len(distinct) < 2:
        raise DegenerateTarget(f"the target needs at least 2 distinct values, got {len(distinct)}")
    task = task or _infer(numeric, distinct)
    if task == "regression":
        if numeric is None:
            raise DegenerateTarget("regression needs a numeric target, got text")
        return EncodedTarget(task, numeric, ())
    classes = tuple(_class_name(value) for value in distinct)
    _refuse_classes(task, classes, counts)
    return EncodedTarget(task, codes.astype(np.int64), classes)


def _numbers(values: NDArray[Any]) -> NDArray[np.float64] | None:
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if all(isinstance(value, int | float | np.number | np.bool_) for value in values):
        return np.asarray(values, dtype=np.float64)
    return None


def _refuse_missing(values: NDArray[Any], numeric: NDArray[np.float64] | None) -> None:
    bad = [v is None or v != v for v in values] if numeric is None else ~np.isfinite(numeric)  # noqa: PLR0124 (NaN)
    if n_bad := int(np.sum(bad)):
        raise DegenerateTarget(
            f"the target is missing or infinite in {n_bad} of {len(values)} rows; drop them first"
        )


def _infer(numeric: NDArray[np.float64] | None, distinct: NDArray[Any]) -> Task:
    if len(distinct) == 2:
        return "binary"
    if numeric is None:
        return "multiclass"
    whole = bool(np.all(distinct == np.round(distinct)))
    return "multiclass" if whole and len(distinct) <= MAX_INTEGER_CLASSES else "regression"


def _class_name(value: str | np.float64) -> str:
    if isinstance(value, str):
        return str(value)
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _refuse_classes(task: Task, classes: tuple[str, ...], counts: NDArray[np.int64]) -> None:
    if task == "binary" and len(classes) != 2:
        raise DegenerateTarget(f"binary needs 2 classes, the target has {len(classes)}")
    if len(classes) > MAX_CLASSES:
        raise DegenerateTarget(
            f"the target has {len(classes)} classes, at most {MAX_CLASSES} are allowed; "
            "is it an identifier, or a number to learn by regression?"
        )
    rare = [name for name, n in zip(classes, counts, strict=True) if n < MIN_CLASS_ROWS]
    if rare:
        listed = ", ".join(repr(name) for name in rare[:5]) + (", ..." if len(rare) > 5 else "")
        raise DegenerateTarget(
            f"{len(rare)} classes have fewer than {MIN_CLASS_ROWS} rows ({listed}); "
            "merge them or drop their rows"
        )
