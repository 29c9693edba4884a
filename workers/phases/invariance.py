"""Phase ``invariance``: changes of a row under which the target stays as it is."""

from typing import Any

from app.science.encoding.apply import origin
from app.science.errors import ScienceError
from app.science.structure.invariance.find import Rates, find_invariances
from app.science.structure.invariance.layout import Table
from workers.context import Context
from workers.measured import intrinsic_dimension, labelled_rows, unresolved
from workers.phase import Phase

NO_TARGET = "an invariance is a property of a target, and the job names none; name one in `label`"


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/invariance.json``. Sees training rows only."""
    document = _measure(context)
    context.write_json("invariance.json", document, public=True)
    if document.get("unresolved"):
        return {"unresolved": True}
    return {
        "generators": len(document["group"]["generators"]),
        "mechanism": document["mechanism"],
        "pays": document["pays"],
    }


def _measure(context: Context) -> dict[str, Any]:
    rows = labelled_rows(context)
    if rows is None:
        return unresolved(NO_TARGET)
    rates = Rates(dimension=intrinsic_dimension(context)["value"])
    layout = Table(tuple(origin(rows.encoding).tolist()), rows.encoding.output_names)
    try:
        found = find_invariances(rows.x, rows.columns, layout, seed=context.seed, rates=rates)
        return found.to_json()
    except ScienceError as error:
        return unresolved(error)


PLUGIN: Phase = run
