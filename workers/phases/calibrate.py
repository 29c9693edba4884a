"""Phase ``calibrate``: how far predictions are off on rows that no earlier phase has seen."""

from typing import Any

from app.science.relu_network.evaluate import predict
from workers import calibration
from workers.context import Context
from workers.phase import Phase
from workers.tabular import encoded, trained_network


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/calibrate.json``: what intervals or sets of every level are made from."""
    data = encoded(context)
    network = trained_network(context)
    return calibration.write(
        context, data.task, data.calibration_y, lambda: predict(network, data.calibration_x)
    )


PLUGIN: Phase = run
