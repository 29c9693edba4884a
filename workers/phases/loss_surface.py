"""Phase ``loss_surface``: how flat the place is where our network lies, and where SGD's does."""

from typing import Any

from app.science.errors import ScienceError
from app.science.relu_network import network as networks
from app.science.relu_network.network import Network
from app.science.structure.loss_surface.report import LossSurface, compare, measure
from workers.context import Context
from workers.measured import unresolved
from workers.phase import Phase
from workers.tabular import SGD, encoded, transferred_network

NO_RIVAL = "there is no SGD network to compare with; leave `baselines.sgd` on"


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/loss_surface.json``.

    Ours is looked at before corrections: trees have no slope, and averages repeat the same place.
    """
    document = _compare(context)
    context.write_json("loss_surface.json", document, public=True)
    return {"sentence": document["sentence"]}


def _compare(context: Context) -> dict[str, Any]:
    if SGD not in context.read_json("baseline", "baseline.json"):
        return unresolved(NO_RIVAL)
    data = encoded(context)
    sgd = networks.from_json(
        context.read_json("baseline", "network.json"),
        context.read_arrays("baseline", "network.safetensors"),
    )
    unit = float(data.fit_y.std()) if data.task == "regression" else 1.0

    def around(network: Network) -> LossSurface:
        return measure(network, data.fit_x, data.fit_y, unit=unit, seed=context.seed)

    try:
        return compare(around(transferred_network(context)), around(sgd)).to_json()
    except ScienceError as error:
        return unresolved(error)


PLUGIN: Phase = run
