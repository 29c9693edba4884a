"""Phase ``predict``: a registered model over a whole dataset, block by block."""

from typing import Any

import pyarrow as pa

from app.domain.kinds.predict import PredictSpec
from app.science.export import answer, runtime
from workers import predictions
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
        blocks.append(pa.table(answer.table(model, rows, context.spec.interval)))
        context.progress(min(1.0, (start + BLOCK_ROWS) / n_rows))
    name = f"predictions.{context.spec.format}"
    predictions.write(pa.concat_tables(blocks), context.path(name, public=True))
    context.write_json("result.json", {"n_rows": n_rows, "artifact": name})
    return {"n_rows": n_rows}


PLUGIN: Phase = run
