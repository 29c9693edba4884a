"""Phase ``split``: training, validation, calibration and test rows, encoded by the first."""

from typing import Any

from app.domain.tabular import TabularSpec
from app.science.encoding.apply import transform
from app.science.encoding.fit import fit_encoding
from app.science.evaluation.decision import class_weights
from workers import parts
from workers.context import Context
from workers.phase import Phase
from workers.tabular import features


def run(context: Context) -> dict[str, Any]:
    """Leave the encoding, the encoded rows, and the row numbers of the four parts."""
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    selection = context.read_json("materialize", "selection.json")
    task = selection["task"]
    split, rows, target = parts.drawn(context)
    train, roles = features(context, rows[split.train])
    shape = context.spec.features.shape
    fitted = fit_encoding(train, roles, target[split.train], task, seed=context.seed, shape=shape)
    context.progress(0.5, "encoding")
    arrays = {"train_x": fitted.matrix, "train_y": target[split.train]}
    for name in ("validation", "calibration", "test"):
        part = split.parts[name]
        columns, _ = features(context, rows[part])
        arrays[f"{name}_x"] = transform(fitted.encoding, columns)
        arrays[f"{name}_y"] = target[part]
    context.write_arrays("encoded.safetensors", arrays)
    context.write_arrays("encoding.safetensors", fitted.encoding.tensors())
    context.write_arrays(
        "rows.safetensors", {name: rows[part] for name, part in split.parts.items()}
    )
    meta = {
        "task": task,
        "classes": selection["classes"],
        "class_weights": class_weights(
            context.spec.target.class_weights, selection["classes"], target[split.train]
        ),
        "encoding": fitted.encoding.to_json(),
        "groups": [
            {"name": g.name, "kind": g.kind, "start": g.start, "stop": g.stop}
            for g in fitted.groups
        ],
        "dropped": [{"name": d.name, "reason": d.reason} for d in fitted.dropped],
    }
    context.write_json("meta.json", meta)
    counts = {f"n_{name}": len(part) for name, part in split.parts.items()}
    return {**counts, "n_inputs": fitted.encoding.width, "dropped": meta["dropped"]}


PLUGIN: Phase = run
