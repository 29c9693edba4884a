"""Phase ``calibrate``: how far predictions are off on rows that no earlier phase has seen."""

from typing import Any

from workers import calibration
from workers.context import Context
from workers.media.modality import targets_of
from workers.media.model import predicted
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/calibrate.json``."""
    task = context.read_json("materialize", "selection.json")["task"]
    y = targets_of(context, "calibration")
    return calibration.write(context, task, y, lambda: predicted(context, "calibration"))


PLUGIN: Phase = run
