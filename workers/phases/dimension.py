"""Phase ``dimension``: how many numbers describe one row, with an interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.kinds.analyze import AnalyzeSpec
from app.science.encoding.fit import fit_encoding
from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.first_look import first_look
from app.science.intrinsic_dimension.prepare import prepare
from app.science.intrinsic_dimension.report import measure
from workers.context import Context
from workers.phase import Phase
from workers.tabular import encoded, features

MAX_QUERIES = 5_000


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/dimension.json``. Sees training rows only; the report draws it."""
    points, labels, used = _points(context)
    try:
        document = _measure(context, points, labels)
    except (TooFewRows, DegenerateDistances) as error:
        document = _unresolved(points, str(error))
    document["columns"] = used
    context.write_json("dimension.json", document, public=True)
    found = document["recommended"]
    headline = {key: found[key] for key in ("value", "low", "high", "level")}
    headline["flags"] = document["flags"]
    context.event("dimension_estimated", headline)
    return headline


def _points(context: Context) -> tuple[NDArray[np.float64], NDArray[Any] | None, list[str]]:
    """Numeric columns. Categories would be one-hot noise to a distance; they are left out.

    Where a table has no numeric column, the encoded categories have to serve.
    """
    if isinstance(context.spec, AnalyzeSpec):
        matrix, groups, labels = _of_all_rows(context)
    else:
        data = encoded(context)
        matrix, groups = data.train_x, context.read_json("split", "meta.json")["groups"]
        labels = None if data.task == "regression" else data.train_y
    numeric = [group for group in groups if group["kind"] == "numeric"] or groups
    picked = [group["start"] for group in numeric if group["kind"] == "numeric"] or list(
        range(matrix.shape[1])
    )
    return matrix[:, picked], labels, [group["name"] for group in numeric]


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


def _measure(
    context: Context, points: NDArray[np.float64], labels: NDArray[Any] | None
) -> dict[str, Any]:
    prepared, preprocess = prepare(points, drop_duplicate_rows=False)
    first = first_look(prepared, seed=context.seed, device=context.device)
    early = {"value": first.value, "low": first.low, "high": first.high, "level": first.level}
    context.event("dimension_estimated", {**early, "flags": list(first.flags), "provisional": True})
    report = measure(
        prepared,
        labels=labels,
        max_queries=MAX_QUERIES,
        seed=context.seed,
        progress=context.progress,
        device=context.device,
    )
    return {**report.to_json(), "preprocess": preprocess}


def _unresolved(points: NDArray[np.float64], reason: str) -> dict[str, Any]:
    """No estimate: the number of columns is the only honest upper end."""
    width = float(points.shape[1])
    return {
        "schema": "id-report/1",
        "n": len(points),
        "ambient_dim": int(width),
        "recommended": {
            "value": width,
            "low": 0.0,
            "high": width,
            "level": None,
            "kind": "ambient",
            "for_sizing": width,
        },
        "scale_curve": [],
        "flags": ["unresolved"],
        "warnings": [f"the dimension cannot be estimated: {reason}"],
    }


PLUGIN: Phase = run
