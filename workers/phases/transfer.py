"""Phase ``transfer``: carry the teacher over to a ReLU network by computation."""

from typing import Any

from app.domain.tabular import TabularSpec
from app.science.mimicry.plan import COPIED, TransferPlan
from app.science.mimicry.transfer import transfer
from workers.context import Context
from workers.phase import Phase
from workers.tabular import carried_teacher, encoded, write_network


def run(context: Context) -> dict[str, Any]:
    """Leave the network and what the transfer measured."""
    data = encoded(context)
    network, report = transfer(
        carried_teacher(context),
        data.fit_x,
        data.fit_y,
        _plan(context),
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


def _plan(context: Context) -> TransferPlan:
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    n_motifs = context.read_json("architecture", "architecture.json")["n_motifs"]
    motifs = context.spec.architecture.motifs
    return TransferPlan(n_motifs, () if motifs == COPIED else ({motifs: 1.0},))


PLUGIN: Phase = run
