"""Phase ``materialize``: which rows and columns of the dataset the job reads."""

from typing import Any

import numpy as np

from app.domain.errors import TooFewRows
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.kinds.predict import PredictSpec
from app.domain.tabular import Features, TabularSpec
from app.science.encoding.target import encode_target
from workers.context import Context
from workers.phase import Phase
from workers.tabular import selected

UNUSED = ("text", "empty", "constant", "identifier", "image", "points")


def run(context: Context) -> dict[str, Any]:
    """Leave ``selection.json`` and, where there is a target, ``rows.safetensors``."""
    spec = context.spec
    columns = {column["name"]: column["type"] for column in context.job["dataset"]["columns"]}
    if isinstance(spec, PredictSpec):
        context.write_json("selection.json", {"features": list(columns), "dropped": []})
        return {"n_rows": context.job["dataset"]["n_rows"]}
    target = _label(spec)
    chosen = spec.features if isinstance(spec, AnalyzeSpec | TabularSpec) else Features()
    wanted = list(chosen.include) or list(columns)
    split_column = spec.split.column if isinstance(spec, TabularSpec) else None
    apart = {target, split_column, *chosen.exclude}
    names = [name for name in wanted if name not in apart]
    # A column that the caller names is read even where the guess says that it is useless.
    dropped = [n for n in names if columns[n] in UNUSED and n not in chosen.include]
    names = [name for name in names if name not in dropped]
    document: dict[str, Any] = {
        "features": names,
        "dropped": [{"name": name, "reason": columns[name]} for name in dropped],
    }
    if target is not None:
        document |= _write_target(context, target)
    context.write_json("selection.json", document)
    return {
        "n_rows": document.get("n_rows", context.job["dataset"]["n_rows"]),
        "n_features": len(names),
        "dropped": dropped,
        **({"task": document["task"]} if target is not None else {}),
    }


def _label(spec: object) -> str | None:
    if isinstance(spec, TabularSpec):
        return spec.target.column
    return spec.label if isinstance(spec, AnalyzeSpec) else None


def _write_target(context: Context, target: str) -> dict[str, Any]:
    """Rows with a target, and its values as numbers or class codes."""
    values, _ = selected(context, [target])
    present = np.array([value is not None and value == value for value in values[target]])  # noqa: PLR0124 (NaN)
    rows = np.flatnonzero(present)
    needed = 50
    if len(rows) < needed:
        raise TooFewRows(
            f"only {len(rows)} rows have a value in {target!r}, {needed} are needed",
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


PLUGIN: Phase = run
