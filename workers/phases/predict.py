"""Phase ``predict``: a registered model over a whole dataset, block by block."""

from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from app.domain.kinds.predict import PredictSpec
from app.science.export import runtime
from workers.context import Context
from workers.phase import Phase
from workers.tabular import selected

BLOCK_ROWS = 50_000


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/predictions.parquet`` or ``.csv``, one row for each row of the dataset."""
    assert isinstance(context.spec, PredictSpec)  # noqa: S101  (only this kind has this phase)
    model = runtime.load(context.inputs / "model.mmpkg")
    columns, _ = selected(context, list(model.metadata["columns"]))
    n_rows = int(context.job["dataset"]["n_rows"])
    blocks = []
    for start in range(0, n_rows, BLOCK_ROWS):
        rows = {name: values[start : start + BLOCK_ROWS] for name, values in columns.items()}
        blocks.append(_block(model, rows))
        context.progress(min(1.0, (start + BLOCK_ROWS) / n_rows))
    table = pa.concat_tables(blocks)
    name = f"predictions.{context.spec.format}"
    path = context.path(name, public=True)
    if context.spec.format == "parquet":
        parquet.write_table(table, path, compression="zstd")
    else:
        csv.write_csv(table, path)
    context.write_json("result.json", {"n_rows": n_rows, "artifact": name})
    return {"n_rows": n_rows}


def _block(model: runtime.LoadedModel, rows: dict[str, Any]) -> pa.Table:
    data: dict[str, Any] = {"prediction": model.predict(rows)}
    if model.metadata["task"] != "regression":
        probabilities = model.predict_proba(rows)
        for index, name in enumerate(model.metadata["classes"]):
            data[f"probability_{name}"] = np.ascontiguousarray(probabilities[:, index])
    return pa.table(data)


PLUGIN: Phase = run
