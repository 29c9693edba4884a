"""Phase ``transfer``: carry the teacher over to a ReLU network by computation."""

from typing import Any

from app.science.mimicry import teacher as teachers
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.transfer import transfer
from workers.context import Context
from workers.phase import Phase
from workers.tabular import encoded


def run(context: Context) -> dict[str, Any]:
    """Leave the network and what the transfer measured."""
    data = encoded(context)
    advice = context.read_json("architecture", "architecture.json")
    teacher = teachers.from_tensors(
        context.read_json("teacher", "teacher.json"),
        context.read_arrays("teacher", "teacher.safetensors"),
    )
    plan = TransferPlan(n_motifs=advice["n_motifs"])
    network, report = transfer(
        teacher, data.fit_x, data.fit_y, plan, seed=context.seed, progress=context.progress
    )
    context.write_arrays("network.safetensors", dict(network.tensors))
    context.write_json("network.json", network.to_json())
    context.write_json("transfer.json", report.to_json(), public=True)
    return {
        "chosen": report.chosen,
        "n_parameters": network.n_parameters,
        "depth": network.depth,
        "teacher_validation_loss": report.teacher_validation_loss,
        "network_validation_loss": report.network_validation_loss,
        "observed_max_difference": report.observed_max_difference,
        "certified_sup": report.certified_sup,
    }


PLUGIN: Phase = run
