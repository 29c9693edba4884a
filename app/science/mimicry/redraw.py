"""Another network for a fitted teacher: draw motifs, solve the head anew, keep the better copy.

Two heads compete on held-out rows over the same drawn features: one solved on the labels, one on
the teacher's outputs at the fit rows and at pseudo-rows between neighbors (convex distillation).
A linear model stands beside them, so the network is never worse than ridge on those rows.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531 (copying a teacher's outputs). Differs from
the paper: every fit is convex, and the copy has to beat the labels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats, GramSums, gram_sums
from app.science.mimicry import body as bodies
from app.science.mimicry import head
from app.science.mimicry import target as targets
from app.science.mimicry.body import Body
from app.science.mimicry.head import Head
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress
from app.science.mimicry.transfer_report import Choice, TransferReport
from app.science.relu_network.evaluate import predict, predict_raw
from app.science.relu_network.network import Network

RACE_ROWS = 3000
RACE_MOTIFS = 300

Say = Callable[[float, str], None]


@dataclass(frozen=True)
class _Candidate:
    name: Choice
    body: Body
    head: Head


@dataclass(frozen=True)
class _Work:
    teacher: FittedTeacher
    X: Floats
    target: Target
    split: tuple[Ints, Ints]
    plan: TransferPlan
    rng: np.random.Generator


def redraw(
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
    X, y : (n, p) and (n,), the rows that the teacher was given, in the same order: its held-out
        rows are held out here too

    Returns
    -------
    Network from encoded rows to the target's unit or to one logit a class, in float32
    """
    say = progress or (lambda _fraction, _message: None)
    target = teacher.target(y)
    split = targets.holdout(target, teacher.seed)
    rng = np.random.default_rng([seed, 13])
    work = _Work(teacher, np.asarray(X, dtype=np.float64), target, split, plan, rng)
    say(0.02, "linear model")
    linear = bodies.linear(work.X.shape[1], target)
    candidates = [_Candidate("ridge", linear, head.solve(linear.features(), work.X, target, split))]
    mix: dict[str, float] = dict(plan.mixes[0])
    mix_losses: tuple[float, ...] = ()
    if len(teacher.centers):
        say(0.1, "race of motifs")
        mix, mix_losses = _race(work)
        say(0.25, "motifs and head")
        candidates += _drawn(work, mix, say)
    best = min(candidates, key=lambda candidate: candidate.head.validation_loss)
    say(0.8, f"refit on all rows: {best.name}")
    network, report = _finish(work, best, candidates)
    say(1.0, "network ready")
    return network, replace(report, mix=mix, mix_losses=mix_losses)


def _race(work: _Work) -> tuple[dict[str, float], tuple[float, ...]]:
    """The mix of least held-out squared error at a small size."""
    mixes = [dict(mix) for mix in work.plan.mixes]
    if len(mixes) == 1:
        return mixes[0], ()
    small = replace(work.plan, n_motifs=min(RACE_MOTIFS, work.plan.n_motifs))
    fit, held = work.split[0][:RACE_ROWS], work.split[1][:RACE_ROWS]
    columns = work.target.columns()
    losses = []
    for mix in mixes:
        plan = replace(small, mixes=(mix,))
        body = bodies.draw(work.teacher, work.X, work.target, fit, plan, rng=work.rng)
        features = body.features()
        sums = gram_sums(features.blocks(work.X, fit, columns))
        solved = head.ridge_by_squares(
            features, sums, features.compute(work.X[held]), columns[held]
        )
        losses.append(solved)
    return mixes[int(np.argmin(losses))], tuple(losses)


def _drawn(work: _Work, mix: Mapping[str, float], say: Say) -> list[_Candidate]:
    """The two heads over one drawn body."""
    fit, held = work.split
    plan = replace(work.plan, mixes=(mix,))
    body = bodies.draw(work.teacher, work.X, work.target, fit, plan, rng=work.rng)
    features = body.features()
    taught = work.teacher.output(work.X[fit])
    both = np.zeros((len(work.X), 2 * work.target.n_outputs))
    both[fit] = np.hstack([work.target.columns()[fit], taught])
    sums = gram_sums(features.blocks(work.X, fit, both))
    from_labels, from_teacher = _split_sums(sums, work.target.n_outputs)
    say(0.5, "head on the labels")
    start = _start(work, body, from_labels)
    known = head.Known(from_labels, start, near=work.teacher.penalty)
    solved = head.solve(features, work.X, work.target, work.split, known)
    say(0.65, "head on the teacher")
    if work.plan.pseudo_rows:
        pseudo = _pseudo_rows(work)
        rows = np.arange(len(pseudo))
        copied = features.blocks(pseudo, rows, work.teacher.output(pseudo))
        from_teacher = from_teacher + gram_sums(copied)
    held_features = features.held(work.X[held])
    copy = head.least_squares(
        features, from_teacher, held_features, work.target, held, near=work.teacher.penalty
    )
    return [_Candidate("labels", body, solved), _Candidate("distilled", body, copy)]


def _split_sums(sums: GramSums, c: int) -> tuple[GramSums, GramSums]:
    first, second = (
        replace(
            sums,
            target_mean=sums.target_mean[part],
            cross=sums.cross[:, part],
            target_square=sums.target_square[part],
        )
        for part in (slice(0, c), slice(c, 2 * c))
    )
    return first, second


def _start(work: _Work, body: Body, sums: GramSums) -> Head | None:
    """The teacher's own weights where the body holds exactly its centers."""
    teacher = work.teacher
    same = body.widths == (len(teacher.centers),) and body.squares[0] is not None
    if not same or teacher.task == "regression":
        return None
    weights = np.concatenate([teacher.linear, teacher.weights])
    return Head(weights, teacher.intercept, teacher.penalty, 0.0, np.inf, sums)


def _pseudo_rows(work: _Work) -> Floats:
    """Points between near neighbors among the fit rows, in the encoded coordinates."""
    fit, n = work.split[0], work.plan.pseudo_rows
    first = work.rng.choice(fit, n)
    others = work.rng.choice(fit, min(len(fit), 500), replace=False)
    Z, Z_others = work.X[first] @ work.teacher.metric, work.X[others] @ work.teacher.metric
    gaps = (Z**2).sum(1)[:, None] - 2.0 * Z @ Z_others.T + (Z_others**2).sum(1)
    gaps[gaps < 1e-12] = np.inf
    second = others[np.argmin(gaps, axis=1)]
    share = work.rng.uniform(0.0, 0.5, (n, 1))
    return np.asarray((1.0 - share) * work.X[first] + share * work.X[second])


def _finish(
    work: _Work, best: _Candidate, candidates: list[_Candidate]
) -> tuple[Network, TransferReport]:
    held, target = work.split[1], work.target
    features = best.body.features()
    best = replace(best, head=head.with_dof(best.head, features, target))
    held_output = best.head.output(features.compute(work.X[held]))
    factor = head.tempered(target, held_output, held) if work.plan.calibrate else 1.0
    before = best.body.with_head(best.head, target, factor)
    gap = predict(before, work.X[held]) - work.teacher.predict(work.X[held])
    final = best.head
    if best.name != "distilled":
        final = head.refit(best.head, features, work.X, target, work.split)
    network = best.body.with_head(final, target, factor)
    losses = {candidate.name: candidate.head.validation_loss for candidate in candidates}
    report = TransferReport(
        chosen=best.name,
        reason=_reason(best.name, losses),
        mix={},
        mix_losses=(),
        teacher_validation_loss=work.teacher.validation_loss,
        network_validation_loss=target.loss(factor * held_output, held)
        if target.task != "regression"
        else best.head.validation_loss,
        labels_validation_loss=losses.get("labels"),
        distilled_validation_loss=losses.get("distilled"),
        ridge_validation_loss=losses["ridge"],
        observed_max_difference=float(np.abs(gap).max()),
        observed_rms_difference=float(np.sqrt((gap**2).mean())),
        observed_float32_difference=_rounding(network, work.X[held]),
        effective_dof=best.head.effective_dof,
        penalty=best.head.penalty,
        n_features=best.body.n_features,
        n_parameters=network.n_parameters,
        n_fit=len(work.split[0]),
        n_validation=len(held),
        temperature=factor,
    )
    return network, report


def _rounding(network: Network, rows: Floats) -> float:
    single, double = (predict_raw(network, rows, dtype=t) for t in (torch.float32, torch.float64))
    return float(np.abs(single - double).max())


def _reason(chosen: Choice, losses: Mapping[Choice, float]) -> str:
    listed = ", ".join(f"{name} {loss:.4g}" for name, loss in losses.items())
    if chosen == "ridge":
        return f"no motif network beat the linear model on held-out rows: {listed}"
    return f"least held-out loss: {listed}"
