"""Phase ``calibrate``: how far predictions are off on rows that no earlier phase has seen."""

from typing import Any

from app.science.evaluation import conformal
from app.science.relu_network.evaluate import predict
from workers.context import Context
from workers.phase import Phase
from workers.tabular import LEVEL, encoded, trained_network


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/calibrate.json``: what intervals or sets of every level are made from."""
    data = encoded(context)
    found = conformal.uncalibrated(data.task)
    if len(data.calibration_y):
        prediction = predict(trained_network(context), data.calibration_x)
        found = conformal.fit(data.task, data.calibration_y, prediction)
    document = found.to_json()
    context.write_json("calibrate.json", document, public=True)
    return {
        "n_rows": found.n_rows,
        "level": LEVEL,
        found.score: document["quantiles"][f"{100 * LEVEL:.0f}"],
        **({"reason": found.reason} if found.reason else {}),
    }


PLUGIN: Phase = run
