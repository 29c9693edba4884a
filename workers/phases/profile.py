"""Phase ``profile``: the dataset's profile, cut to the columns that the job reads."""

from typing import Any

from workers.context import Context
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/profile.json``. The numbers were counted when the file was read."""
    selection = context.read_json("materialize", "selection.json")
    whole = context.job["dataset"]["profile"]
    names = {*selection["features"], selection.get("target")}
    columns = [column for column in whole["columns"] if column["name"] in names]
    document = {**whole, "columns": columns, "dropped": selection["dropped"]}
    context.write_json("profile.json", document, public=True)
    missing = sum(column["n_missing"] for column in columns)
    return {
        "n_rows": whole["n_rows"],
        "n_columns": len(columns),
        "missing_cells": missing,
        "duplicate_rows": whole["n_duplicate_rows"],
    }


PLUGIN: Phase = run
