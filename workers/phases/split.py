"""Phase ``split``: training, validation, calibration and test rows, encoded by the first."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.tabular import TabularSpec
from app.science.encoding.apply import transform
from app.science.encoding.fit import fit_encoding
from app.science.encoding.split import Split, given_split, random_split
from app.science.evaluation.decision import class_weights
from workers.context import Context
from workers.phase import Phase
from workers.tabular import features, selected


def run(context: Context) -> dict[str, Any]:
    """Leave the encoding, the encoded rows, and the row numbers of the four parts."""
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    selection = context.read_json("materialize", "selection.json")
    kept = context.read_arrays("materialize", "rows.safetensors")
    rows, target, task = kept["rows"], kept["target"], selection["task"]
    split = _split(context, rows, None if task == "regression" else target)
    train, roles = features(context, rows[split.train])
    shape = context.spec.features.shape
    fitted = fit_encoding(train, roles, target[split.train], task, seed=context.seed, shape=shape)
    context.progress(0.5, "encoding")
    arrays = {"train_x": fitted.matrix, "train_y": target[split.train]}
    parts = {
        "train": split.train,
        "validation": split.validation,
        "calibration": split.calibration,
        "test": split.test,
    }
    for name in ("validation", "calibration", "test"):
        columns, _ = features(context, rows[parts[name]])
        arrays[f"{name}_x"] = transform(fitted.encoding, columns)
        arrays[f"{name}_y"] = target[parts[name]]
    context.write_arrays("encoded.safetensors", arrays)
    context.write_arrays("encoding.safetensors", fitted.encoding.tensors())
    context.write_arrays("rows.safetensors", {name: rows[part] for name, part in parts.items()})
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
    counts = {f"n_{name}": len(part) for name, part in parts.items()}
    return {**counts, "n_inputs": fitted.encoding.width, "dropped": meta["dropped"]}


def _split(context: Context, rows: NDArray[np.int64], labels: NDArray[np.int64] | None) -> Split:
    spec = context.spec
    assert isinstance(spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
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


PLUGIN: Phase = run
