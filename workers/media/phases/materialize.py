"""Phase ``materialize``: the rows that have an image or a point set, and their targets."""

from typing import Any

import numpy as np

from app.domain.features import MEDIA
from app.domain.kinds.predict import PredictSpec
from app.tables.canonical import read_canonical, whole
from workers import parts
from workers.context import Context
from workers.media.modality import medium
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``selection.json`` and ``rows.safetensors``."""
    if isinstance(context.spec, PredictSpec):  # the package says what is read
        return {"n_rows": context.job["dataset"]["n_rows"]}
    found = medium(context)
    target = parts.label_of(context.spec)
    others = [c["name"] for c in context.job["dataset"]["columns"]]
    dropped = [
        {"name": name, "reason": f"beside {MEDIA[found.kind]}"}
        for name in others
        if name not in (found.column, target)
    ]
    document: dict[str, Any] = {"features": [found.column], "dropped": dropped}
    table, _ = read_canonical(context.inputs)
    cells = whole(table, found.column)
    usable = np.asarray(cells.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
    if target is None:
        rows = np.flatnonzero(usable)
        context.write_arrays("rows.safetensors", {"rows": rows})
        document["n_rows"] = len(rows)
    else:
        document |= parts.write_target(context, target, usable)
    context.write_json("selection.json", document)
    return {
        "n_rows": document["n_rows"],
        "n_features": 1,
        "dropped": dropped,
        "n_unreadable": int((~usable).sum()),
        **({"task": document["task"]} if target is not None else {}),
    }


PLUGIN: Phase = run
