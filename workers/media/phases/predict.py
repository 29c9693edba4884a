"""Phase ``predict``: a registered model over all images or point sets of a dataset."""

from typing import Any

import numpy as np
import pyarrow as pa

from app.domain.kinds.predict import PredictSpec
from app.science.export import answer, media_runtime
from app.tables.canonical import read_canonical, whole
from workers import predictions
from workers.context import Context
from workers.media.modality import MODALITIES
from workers.phase import Phase

BLOCK_ROWS = 1_000


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/predictions.parquet`` or ``.csv``, one row for each row of the dataset.

    A row whose image or point set could not be read has no prediction. Names come along.
    """
    assert isinstance(context.spec, PredictSpec)  # noqa: S101  (only this kind has this phase)
    model = media_runtime.load(context.inputs / "model.mmpkg")
    table, _ = read_canonical(context.inputs)
    usable = whole(table, model.column).is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(usable)
    path = context.root / "media" / "all.npy"
    path.parent.mkdir()
    MODALITIES.get(model.kind).load(context.inputs, model.column, model.reading, rows, path)
    inputs = np.load(path, mmap_mode="r+")
    blocks = []
    for start in range(0, len(rows), BLOCK_ROWS):
        block = inputs[start : start + BLOCK_ROWS]
        blocks.append(pa.table(answer.table(model, block, context.spec.interval)))
        context.progress(min(1.0, (start + BLOCK_ROWS) / len(rows)))
    places = np.full(len(usable), -1)
    places[rows] = np.arange(len(rows))
    spread = pa.concat_tables(blocks).take(pa.array(places, mask=~usable))
    for column in context.job["dataset"]["columns"]:
        if column["type"] == "identifier":  # such as the files' names
            names = whole(table, column["name"]).cast(pa.string())
            spread = spread.append_column(column["name"], names)
    name = f"predictions.{context.spec.format}"
    predictions.write(spread, context.path(name, public=True))
    result = {"n_rows": len(usable), "n_unreadable": int((~usable).sum()), "artifact": name}
    context.write_json("result.json", result)
    return {"n_rows": result["n_rows"], "n_unreadable": result["n_unreadable"]}


PLUGIN: Phase = run
