"""Phase ``ingest``: a hostile file becomes a typed table, or a list of problems."""

from typing import Any

from app.tables.canonical import write_canonical
from app.tables.limits import Limits
from app.tables.profile import profile
from app.tables.read import read_table
from workers.context import Context
from workers.phase import Phase

MAX_PROBLEMS = 300


def run(context: Context) -> dict[str, Any]:
    """Leave ``table.parquet`` and ``schema.json``, and ``media.parquet`` where there are images.

    Their extractor, if they have one, is a file of the dataset too. Raises ``InvalidTable`` with
    all problems.
    """
    dataset = context.job["dataset"]
    read = read_table(
        context.inputs / "raw",
        filename=dataset["filename"],
        columns=dataset["corrections"] or None,
        limits=Limits(min_rows=1),  # one row is enough to predict; training asks for more itself
        media=context.folder,
    )
    if read.format == "image_zip":
        from app.tables import extractor  # noqa: PLC0415  (onnx takes a second to load)

        extractor.take(context.inputs / "raw", context.folder)
    write_canonical(read, context.folder)
    result = {
        "format": read.format,
        "logical_hash": read.logical_hash,
        "n_rows": read.n_rows,
        "columns": [column.to_json() for column in read.schema],
        "problems": [problem.to_json() for problem in read.problems[:MAX_PROBLEMS]],
        "profile": profile(read.table, read.schema),
    }
    context.write_json("result.json", result)
    return {"n_rows": read.n_rows, "n_columns": len(read.schema), "format": read.format}


PLUGIN: Phase = run
