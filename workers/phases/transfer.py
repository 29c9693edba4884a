"""Phase ``transfer``: carry the teacher over to a ReLU network by computation."""

from typing import Any

from app.science.mimicry.transfer import transfer
from workers.context import Context
from workers.phase import Phase
from workers.tabular import carried_teacher, encoded, transfer_plan, write_network


def run(context: Context) -> dict[str, Any]:
    """Leave the network and what the transfer measured."""
    data = encoded(context)
    network, report = transfer(
        carried_teacher(context),
        data.fit_x,
        data.fit_y,
        transfer_plan(context),
        seed=context.seed,
        progress=context.progress,
    )
    write_network(context, network)
    context.write_json("transfer.json", report.to_json(), public=True)
    return {
        "chosen": report.chosen,
        "n_parameters": network.n_parameters,
        "depth": network.depth,
        "teacher_validation_loss": report.teacher_validation_loss,
        "network_validation_loss": report.network_validation_loss,
        "observed_max_difference": report.observed_max_difference,
    }


PLUGIN: Phase = run
