"""What both calibrations leave: the document that intervals and sets are made from."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.evaluation import conformal
from app.science.relu_network.network import Task
from workers.context import Context
from workers.tabular import LEVEL


def write(
    context: Context, task: Task, y: NDArray[Any], predict: Callable[[], NDArray[np.float64]]
) -> dict[str, Any]:
    """Leave ``public/calibrate.json`` of the targets ``y`` of the calibration rows; headlines."""
    found = conformal.fit(task, y, predict()) if len(y) else conformal.uncalibrated(task)
    document = found.to_json()
    context.write_json("calibrate.json", document, public=True)
    return {
        "n_rows": found.n_rows,
        "level": LEVEL,
        found.score: document["quantiles"][f"{100 * LEVEL:.0f}"],
        **({"reason": found.reason} if found.reason else {}),
    }
