"""Phase ``structure``: how smooth the target is, whether it jumps, and what that favors."""

from typing import Any

from app.science.errors import ScienceError
from app.science.structure import smoothness_report
from app.science.structure.noise import Estimate
from workers.context import Context
from workers.measured import intrinsic_dimension, labelled_rows, unresolved
from workers.phase import Phase

NO_TARGET = "smoothness is a property of a target, and the job names none; name one in `label`"


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/structure.json``. Sees training rows only."""
    document = _measure(context)
    context.write_json("structure.json", document, public=True)
    if document.get("unresolved"):
        return {"unresolved": True}
    verdict = document["verdict"]
    return {
        "side": verdict["side"],
        "confidence": verdict["confidence"],
        "smoothness": document["smoothness"]["value"],
        "best_family": document["phase"]["best_family"],
    }


def _measure(context: Context) -> dict[str, Any]:
    rows = labelled_rows(context)
    if rows is None:
        return unresolved(NO_TARGET)
    dimension = Estimate(**intrinsic_dimension(context))
    try:
        found = smoothness_report.measure(
            rows.x, rows.y, rows.task, dimension=dimension, seed=context.seed
        )
    except ScienceError as error:
        return unresolved(error)
    return found.to_json()


PLUGIN: Phase = run
