"""Phase ``invariance``: changes of a row under which the target stays as it is."""

from typing import Any

from app.science.encoding.apply import origin
from app.science.errors import ScienceError
from app.science.structure.invariance.find import Rates, find_invariances
from app.science.structure.invariance.layout import Table
from workers.context import Context
from workers.measured import (
    NO_TARGET,
    intrinsic_dimension,
    labelled_rows,
    unresolved,
    write_invariance,
)
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/invariance.json``. Sees training rows only."""
    return write_invariance(context, _measure(context))


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
