"""Phase ``dimension``: how many numbers describe one row, with an interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.kinds.analyze import AnalyzeSpec
from app.science.encoding.fit import fit_encoding
from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.first_look import first_look
from app.science.intrinsic_dimension.missing import complete_part
from app.science.intrinsic_dimension.prepare import prepare
from app.science.intrinsic_dimension.report import measure
from workers.context import Context
from workers.measured import ambient_only
from workers.phase import Phase
from workers.tabular import encoded, features

MAX_QUERIES = 5_000
IMPUTED = "too many cells are missing to leave them out: filled rows make the value too low"


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/dimension.json``. Sees training rows only; the report draws it."""
    cloud = _cloud(context)
    try:
        document = _measure(context, cloud)
    except (TooFewRows, DegenerateDistances) as error:
        document = ambient_only(cloud.points, str(error))
    document["columns"] = cloud.columns
    if cloud.left_out.get("imputed"):
        document["flags"] = [*document["flags"], "imputed"]
        document["warnings"] = [*document["warnings"], IMPUTED]
    context.write_json("dimension.json", document, public=True)
    found = document["recommended"]
    headline = {key: found[key] for key in ("value", "low", "high", "level")}
    headline["flags"] = document["flags"]
    context.event("dimension_estimated", headline)
    return headline


@dataclass(frozen=True)
class _Cloud:
    """What is measured: points (n, p), classes or None, names, and what was left out."""

    points: NDArray[np.float64]
    labels: NDArray[Any] | None
    columns: list[str]
    left_out: dict[str, Any]


def _cloud(context: Context) -> _Cloud:
    """Numeric columns. Categories would be one-hot noise to a distance; they are left out.

    Where a table has no numeric column, the encoded categories have to serve.
    """
    if isinstance(context.spec, AnalyzeSpec):
        matrix, groups, labels = _of_all_rows(context)
    else:
        data = encoded(context)
        matrix, groups = data.train_x, context.read_json("split", "meta.json")["groups"]
        labels = None if data.task == "regression" else data.train_y
    numeric = [group for group in groups if group["kind"] == "numeric"]
    if not numeric:
        return _Cloud(matrix, labels, [group["name"] for group in groups], {})
    points = matrix[:, [group["start"] for group in numeric]]
    part = complete_part(_missing(matrix, numeric))
    kept = [g["name"] for g, keep in zip(numeric, part.columns, strict=True) if keep]
    left_out = {
        "rows_with_missing": int((~part.rows).sum()),
        "columns_with_missing": [g["name"] for g in numeric if g["name"] not in kept],
        "imputed": part.imputed,
    }
    picked = points[np.ix_(part.rows, part.columns)]
    return _Cloud(picked, None if labels is None else labels[part.rows], kept, left_out)


def _missing(matrix: NDArray[np.float64], numeric: list[dict[str, Any]]) -> NDArray[np.bool_]:
    """Where cells were filled: the second output of a numeric column with gaps says so."""
    flags = np.zeros((len(matrix), len(numeric)), dtype=bool)
    for index, group in enumerate(numeric):
        if group["stop"] - group["start"] == 2:
            flags[:, index] = matrix[:, group["start"] + 1] > 0.5
    return flags


def _of_all_rows(
    context: Context,
) -> tuple[NDArray[np.float64], list[dict[str, Any]], NDArray[Any] | None]:
    """An ``analyze`` job holds nothing out."""
    selection = context.read_json("materialize", "selection.json")
    labels = None
    rows = np.arange(context.job["dataset"]["n_rows"])
    if "target" in selection:
        kept = context.read_arrays("materialize", "rows.safetensors")
        rows = kept["rows"]
        labels = None if selection["task"] == "regression" else kept["target"]
    columns, roles = features(context, rows)
    nothing = np.zeros(len(rows))
    fitted = fit_encoding(columns, roles, nothing, "regression", seed=context.seed)
    groups = [
        {"name": g.name, "kind": g.kind, "start": g.start, "stop": g.stop} for g in fitted.groups
    ]
    return fitted.matrix, groups, labels


def _measure(context: Context, cloud: _Cloud) -> dict[str, Any]:
    prepared, preprocess = prepare(cloud.points, drop_duplicate_rows=False)
    first = first_look(prepared, seed=context.seed, device=context.device)
    early = {"value": first.value, "low": first.low, "high": first.high, "level": first.level}
    context.event("dimension_estimated", {**early, "flags": list(first.flags), "provisional": True})
    report = measure(
        prepared,
        labels=cloud.labels,
        max_queries=MAX_QUERIES,
        seed=context.seed,
        progress=context.progress,
        device=context.device,
    )
    return {**report.to_json(), "preprocess": preprocess | cloud.left_out}


PLUGIN: Phase = run
