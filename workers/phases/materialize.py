"""Phase ``materialize``: which rows and columns of the dataset the job reads."""

from typing import Any

from app.domain.features import MEDIA
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.kinds.predict import PredictSpec
from app.domain.tabular import Features, TabularSpec
from workers import parts
from workers.context import Context
from workers.phase import Phase

UNUSED = ("text", "empty", "constant", "identifier", *MEDIA)


def run(context: Context) -> dict[str, Any]:
    """Leave ``selection.json`` and, where there is a target, ``rows.safetensors``."""
    spec = context.spec
    columns = {column["name"]: column["type"] for column in context.job["dataset"]["columns"]}
    if isinstance(spec, PredictSpec):
        context.write_json("selection.json", {"features": list(columns), "dropped": []})
        return {"n_rows": context.job["dataset"]["n_rows"]}
    target = parts.label_of(spec)
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
        document |= parts.write_target(context, target)
    context.write_json("selection.json", document)
    return {
        "n_rows": document.get("n_rows", context.job["dataset"]["n_rows"]),
        "n_features": len(names),
        "dropped": dropped,
        **({"task": document["task"]} if target is not None else {}),
    }


PLUGIN: Phase = run
