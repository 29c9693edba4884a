"""Phase ``correct``: what the kernel cannot represent, added where it wins on held-out rows.

The limits of the spec hold for the finished network: corrections that break one are left out.
"""

from dataclasses import replace
from typing import Any

from app.domain.kinds.train import TrainSpec
from app.science.export.latency import broken_limit
from app.science.mimicry import target as targets
from app.science.mimicry.fine_tune import TuningData, fine_tune
from app.science.mimicry.transfer import CorrectionReport, corrected
from app.science.relu_network.network import Network
from app.science.structure.invariance import group as groups
from app.science.structure.invariance.exploit import group_average
from workers.context import Context
from workers.phase import Phase
from workers.tabular import (
    carried_teacher,
    class_weights,
    encoded,
    fitted_encoding,
    transfer_plan,
    transferred_network,
    write_network,
)

OWN_BASE = "the motifs are drawn anew, so there are no out-of-fold outputs to correct"
GATE = "level_set"
FINE_TUNE_SHARE = 0.3


def run(context: Context) -> dict[str, Any]:
    """Leave the network that is shipped, and ``public/correct.json``."""
    spec = context.spec
    assert isinstance(spec, TrainSpec)  # noqa: S101  (only this kind has this phase)
    network, report = _averaged(context, spec, *_corrected(context, spec))
    document = report.to_json()
    if spec.fine_tune:
        network, document["fine_tune"] = _tuned(context, network)
    network = replace(network, class_weights=class_weights(context))
    write_network(context, network)
    context.write_json("correct.json", document, public=True)
    return {
        "accepted": [found.name for found in report.verdicts if found.accepted],
        "loss": report.validation_loss,
        "n_parameters": network.n_parameters,
        "reason": report.reason,
    }


def _corrected(context: Context, spec: TrainSpec) -> tuple[Network, CorrectionReport]:
    plain, measured = transferred_network(context), context.read_json("transfer", "transfer.json")

    def untouched(reason: str) -> tuple[Network, CorrectionReport]:
        loss = measured["network_validation_loss"]
        return plain, CorrectionReport((), loss, 1.0, plain.n_parameters, reason)

    if measured["chosen"] not in ("copied", "ridge") or measured["mix_losses"]:
        return untouched(OWN_BASE)
    data = encoded(context)
    gates = context.read_json("architecture", "architecture.json")["gates"]
    network, report = corrected(
        carried_teacher(context),
        data.fit_x,
        data.fit_y,
        seed=context.seed,
        names=[name for name in spec.corrections if gates or name != GATE],
        plan=transfer_plan(context),
        progress=context.progress,
    )
    broken = _broken(context, spec, network)
    if broken:
        return untouched(f"with corrections the network would break {broken}")
    return network, report


def _broken(context: Context, spec: TrainSpec, network: Network) -> str | None:
    return broken_limit(
        network,
        fitted_encoding(context),
        max_parameters=spec.architecture.max_parameters,
        max_latency_ms=spec.architecture.max_latency_ms,
    )


def _averaged(
    context: Context, spec: TrainSpec, network: Network, report: CorrectionReport
) -> tuple[Network, CorrectionReport]:
    """The network averaged over the accepted group, where that wins and keeps to the limits."""
    if context.read_json("architecture", "architecture.json")["pooling"] == "none":
        return network, report
    group = groups.from_json(context.read_json("invariance", "invariance.json")["group"])
    data, teacher = encoded(context), carried_teacher(context)
    target = teacher.target(data.fit_y)
    _, held = targets.holdout(target, teacher.seed)
    found = group_average(network, teacher, group, data.fit_x, target, held)
    if found is None:
        return network, report
    averaged, verdict = found
    broken = verdict.accepted and _broken(context, spec, averaged)
    if broken:
        reason = f"averaged over its group the network would break {broken}"
        return network, replace(report, reason=f"{report.reason}; {reason}".removeprefix("; "))
    return averaged, report.then(verdict, averaged)


def _tuned(context: Context, network: Network) -> tuple[Network, dict[str, Any]]:
    data, teacher = encoded(context), carried_teacher(context)
    target = teacher.target(data.fit_y)
    fit, held = targets.holdout(target, teacher.seed)
    seconds = FINE_TUNE_SHARE * context.seconds("teacher", "compress", "transfer")
    tuning = TuningData(data.fit_x, target, fit, held)
    network, report = fine_tune(network, tuning, seconds=seconds, seed=context.seed)
    return network, report.to_json()


PLUGIN: Phase = run
