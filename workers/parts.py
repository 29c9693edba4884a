"""Which rows of a dataset a job fits, chooses, calibrates and tests on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import TooFewRows
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.tabular import TabularSpec
from app.science.encoding.split import Split, given_split, random_split
from app.science.encoding.target import encode_target
from workers.context import Context
from workers.tabular import selected

NEEDED = 50


def label_of(spec: object) -> str | None:
    """The column that is looked at as a target."""
    if isinstance(spec, TabularSpec):
        return spec.target.column
    return spec.label if isinstance(spec, AnalyzeSpec) else None


def write_target(
    context: Context, target: str, usable: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Leave the rows with a target, and its values as numbers or class codes.

    Parameters
    ----------
    usable : (n,), rows of the dataset that have features; by default all
    """
    values, _ = selected(context, [target])
    present = np.array([value is not None and value == value for value in values[target]])  # noqa: PLR0124 (NaN)
    rows = np.flatnonzero(present if usable is None else present & usable)
    if len(rows) < NEEDED:
        raise TooFewRows(
            f"only {len(rows)} rows have a value in {target!r}, {NEEDED} are needed",
            remedy="upload more rows with a target",
        )
    wanted = context.spec.target.task if isinstance(context.spec, TabularSpec) else "auto"
    encoded = encode_target(values[target][rows], None if wanted == "auto" else wanted)
    context.write_arrays("rows.safetensors", {"rows": rows, "target": encoded.values})
    return {
        "target": target,
        "task": encoded.task,
        "classes": list(encoded.classes),
        "n_rows": len(rows),
        "n_without_target": int((~present).sum()),
    }


def drawn(context: Context) -> tuple[Split, NDArray[np.int64], NDArray[Any]]:
    """The split, as numbers into the rows with a target; these rows, and their targets."""
    selection = context.read_json("materialize", "selection.json")
    kept = context.read_arrays("materialize", "rows.safetensors")
    rows, target = kept["rows"], kept["target"]
    labels = None if selection["task"] == "regression" else target
    return _split(context, rows, labels), rows, target


def _split(context: Context, rows: NDArray[np.int64], labels: NDArray[np.int64] | None) -> Split:
    spec = context.spec
    assert isinstance(spec, TabularSpec)  # noqa: S101  (only such kinds have a split)
    if spec.split.column is None:
        return random_split(
            len(rows),
            seed=context.seed,
            labels=labels,
            validation_share=spec.split.validation,
            test_share=spec.split.test,
        )
    columns, roles = selected(context, [spec.split.column])
    flags = columns[spec.split.column][rows]
    if roles[spec.split.column] == "categorical":
        flags = np.array([float(value) if value in ("0", "1") else -1.0 for value in flags])
    return given_split(
        flags, seed=context.seed, labels=labels, validation_share=spec.split.validation
    )
