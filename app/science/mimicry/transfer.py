"""From a fitted teacher to a ReLU network, and from that to a corrected one.

Transfer is computation: the teacher's centers and weights become motifs and head. Corrections
then repair what a kernel cannot represent, each kept only where it wins on held-out rows. Motifs
other than the teacher's own are drawn and their head is solved anew (``redraw.py``).

Source: none; the parts name theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry import assembly, head
from app.science.mimicry import target as targets
from app.science.mimicry.correction import Fitting, Verdict, correct
from app.science.mimicry.plan import COPIED, TransferPlan
from app.science.mimicry.redraw import redraw
from app.science.mimicry.target import Ints
from app.science.mimicry.teacher import FittedTeacher, Progress
from app.science.mimicry.transfer_report import TransferReport
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network

DEFAULT_CORRECTIONS = ("level_set", "logit_calibration", "boosted_trees")
OBSERVED_ROWS = 1000


def transfer(
    teacher: FittedTeacher,
    X: NDArray[Any],
    y: NDArray[Any],
    plan: TransferPlan,
    *,
    seed: int,
    progress: Progress = None,
) -> tuple[Network, TransferReport]:
    """Make the network.

    Parameters
    ----------
    X, y : (n, p) and (n,), the rows that the teacher was given, in the same order

    Returns
    -------
    Network from encoded rows to the target's unit or to one logit a class
    """
    if plan.mixes:
        return redraw(teacher, X, y, plan, seed=seed, progress=progress)
    rows = np.asarray(X, dtype=np.float64)
    target = teacher.target(y)
    split = targets.holdout(target, teacher.seed)
    network = assembly.network(teacher, assembly.copied(teacher, rows, knots=plan.knots))
    if progress:
        progress(0.5, "teacher carried over")
    report = _report(teacher, network, rows, split)
    if progress:
        progress(1.0, "network ready")
    return network, report


def _report(
    teacher: FittedTeacher, network: Network, X: Floats, split: tuple[Ints, Ints]
) -> TransferReport:
    rows = X[split[1][:OBSERVED_ROWS]]
    double, single = (predict_raw(network, rows, dtype=t) for t in (torch.float64, torch.float32))
    gap = double - (teacher.output(rows) * teacher.scale + teacher.center)
    ridge = teacher.ridge_validation_loss
    return TransferReport(
        chosen="copied" if len(teacher.centers) else "ridge",
        reason="the teacher's centers and weights are the network's",
        mix={COPIED: 1.0},
        mix_losses=(),
        teacher_validation_loss=teacher.validation_loss,
        network_validation_loss=teacher.validation_loss,
        labels_validation_loss=None,
        distilled_validation_loss=None,
        ridge_validation_loss=teacher.validation_loss if ridge is None else ridge,
        observed_max_difference=float(np.abs(gap).max()),
        observed_rms_difference=float(np.sqrt((gap**2).mean())),
        observed_float32_difference=float(np.abs(single - double).max()),
        effective_dof=teacher.effective_dof,
        penalty=teacher.penalty,
        n_features=X.shape[1] + len(teacher.centers),
        n_parameters=network.n_parameters,
        n_fit=len(split[0]),
        n_validation=len(split[1]),
        temperature=1.0,
    )


@dataclass(frozen=True)
class CorrectionReport:
    """What the corrections did; losses are squared errors over the variance, or nats."""

    verdicts: tuple[Verdict, ...]
    validation_loss: float
    temperature: float
    n_parameters: int
    reason: str = ""

    def then(self, verdict: Verdict, network: Network) -> "CorrectionReport":
        """With one more verdict, after which the network is this one."""
        return replace(
            self,
            verdicts=(*self.verdicts, verdict),
            validation_loss=verdict.after if verdict.accepted else self.validation_loss,
            n_parameters=network.n_parameters,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "verdicts": [verdict.to_json() for verdict in self.verdicts]}


def corrected(  # noqa: PLR0913 - data and options, the options by name
    teacher: FittedTeacher,
    X: NDArray[Any],
    y: NDArray[Any],
    *,
    seed: int,
    names: Sequence[str] = DEFAULT_CORRECTIONS,
    plan: TransferPlan | None = None,
    progress: Progress = None,
) -> tuple[Network, CorrectionReport]:
    """The teacher's network with the corrections that pay, its logits tempered.

    Parameters
    ----------
    X, y : (n, p) and (n,), the rows that the teacher was given, in the same order
    """
    rows = np.asarray(X, dtype=np.float64)
    target = teacher.target(y)
    fit, held = targets.holdout(target, teacher.seed)
    base, reason = teacher.out_of_fold, ""
    if not len(base):
        names, reason = (), "the teacher has no out-of-fold outputs to correct"
        base = teacher.output(rows)
    fitting = Fitting(rows, target, fit, held, base, teacher, seed, progress=progress)
    pieces, verdicts, output = correct(fitting, names)
    factor = head.tempered(target, output, held)
    parts = assembly.copied(teacher, rows, knots=plan.knots if plan else None)
    network = assembly.network(teacher, parts, pieces, factor)
    loss = target.loss(factor * output, held)
    return network, CorrectionReport(verdicts, loss, factor, network.n_parameters, reason)
