"""Phase ``double_descent``: the error of the network's last layer over its width."""

from typing import Any

from app.domain.tabular import TabularSpec
from app.science.errors import ScienceError
from app.science.structure.double_descent import (
    DoubleDescent,
    double_descent,
    head_sample,
    peak_warning,
)
from workers.context import Context
from workers.measured import LabelledRows, labelled_rows, unresolved
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/double_descent.json``; it warns where the user asks for the peak."""
    rows = labelled_rows(context)
    assert rows is not None  # noqa: S101  (only kinds with a target have this phase)
    try:
        found = _measure(rows, context.seed)
    except ScienceError as error:
        context.write_json("double_descent.json", unresolved(error), public=True)
        return {"unresolved": True}
    document = {**found.to_json(), "warnings": _warnings(context, len(rows.x), found)}
    context.write_json("double_descent.json", document, public=True)
    return {key: document[key] for key in ("peak_factor", "enough_width", "warnings")}


def _measure(rows: LabelledRows, seed: int) -> DoubleDescent:
    units, y = head_sample(rows.x, rows.columns, seed=seed)
    return double_descent(units, y, n_skip=rows.x.shape[1], seed=seed)


def _warnings(context: Context, n_rows: int, curve: DoubleDescent) -> list[str]:
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    asked = context.spec.architecture.n_motifs
    found = None if asked is None else peak_warning(asked, n_rows, curve)
    return [] if found is None else [found]


PLUGIN: Phase = run
