"""Models on the same test rows: which differences are real, and how to say it in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.errors import ScienceError
from app.science.evaluation.decision import ClassWeights
from app.science.evaluation.metrics import headline_name, headline_of_mean, row_losses
from app.science.relu_network.network import Task
from app.science.wording import number

N_RESAMPLES, RESAMPLES_AT_ONCE = 1000, 50  # the second divides the first
MAX_BLOCKS = 5000
SAME_SPEED = 1.05


@dataclass(frozen=True, slots=True)
class Difference:
    """Headline metric of two models, and a 95 % interval of ``ours - baseline``.

    Lower is better, so an interval below zero says that ours is better.
    """

    metric: str
    ours: float
    baseline: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """Ours minus baseline, unit of the metric."""
        return self.ours - self.baseline

    @property
    def significant(self) -> bool:
        """The interval excludes zero."""
        return not self.low <= 0.0 <= self.high


def paired_bootstrap(
    task: Task,
    y: NDArray[Any],
    ours: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    seed: int,
    class_weights: ClassWeights = (),
) -> Difference:
    """Resample test rows, the same for both models, and take the 2.5 and 97.5 % quantiles.

    Pairing removes what the rows have in common, such as their difficulty. The interval covers
    the choice of test rows only, not the randomness of training.

    Parameters
    ----------
    y : (n,)
    ours, baseline : (n,) or (n, c), predictions as in ``metrics.evaluate``

    Raises
    ------
    ScienceError
        There are no test rows, or a prediction is not finite.
    """
    both = [row_losses(task, y, found, class_weights) for found in (ours, baseline)]
    losses = np.stack(both, axis=1)  # (n, 2)
    if not len(losses) or not np.isfinite(losses).all():
        raise ScienceError("a comparison needs test rows and finite predictions")
    means = _resampled_means(losses, np.random.default_rng(seed))  # (resamples, 2)
    metrics = headline_of_mean(task, means)
    low, high = np.quantile(metrics[:, 0] - metrics[:, 1], [0.025, 0.975])
    of_ours, of_baseline = headline_of_mean(task, losses.mean(axis=0)).tolist()
    name = headline_name(task, class_weights)
    return Difference(name, of_ours, of_baseline, float(low), float(high))


def sentence(
    difference: Difference,
    *,
    seconds: float,
    baseline_seconds: float,
    baseline: str = "the SGD baseline",
) -> str:
    """One honest line for a report, whoever won.

    >>> tie = Difference("rmse", ours=0.381, baseline=0.377, low=-0.003, high=0.011)
    >>> sentence(tie, seconds=2.0, baseline_seconds=6.2)
    '3.1x faster than the SGD baseline, rmse 0.381 against 0.377 (difference not significant)'
    """
    name = difference.metric.replace("_", " ")
    return (
        f"{_speed(seconds, baseline_seconds, baseline)}, "
        f"{name} {number(difference.ours)} against {number(difference.baseline)} "
        f"({_verdict(difference)})"
    )


@dataclass(frozen=True, slots=True)
class Rival:
    """Another method on the same rows: its name in words, and its seconds of training.

    ``timed`` : whether anybody would choose it for its speed; ridge takes no time to speak of.
    """

    name: str
    difference: Difference
    seconds: float
    timed: bool = True

    @property
    def wins(self) -> bool:
        """It is better than ours, and not by chance."""
        return self.difference.significant and self.difference.value > 0.0

    @property
    def loses(self) -> bool:
        """It is worse than ours, and not by chance."""
        return self.difference.significant and self.difference.value < 0.0


def verdict(rivals: Sequence[Rival], *, seconds: float, name: str = "Motif Mimicry") -> str:
    """One sentence for somebody who has to choose: who wins on error, and what training took.

    >>> sgd = Rival("the Adam MLP", Difference("rmse", 0.41, 0.43, -0.03, -0.01), 6.2)
    >>> trees = Rival("LightGBM", Difference("rmse", 0.41, 0.38, 0.02, 0.04), 1.0)
    >>> verdict([sgd, trees], seconds=2.0)
    'LightGBM wins here: rmse 0.38 against 0.41 of Motif Mimicry (better by 0.02 to 0.04 at 95 %); \
it is better than the Adam MLP (0.43); training took 2 s, 3.1x faster than the Adam MLP and 2.0x \
slower than LightGBM'

    Raises
    ------
    ScienceError
        There is nothing to compare with.
    """
    if not rivals:
        raise ScienceError("a verdict needs at least one other method")
    winners = sorted((r for r in rivals if r.wins), key=lambda r: r.difference.baseline)
    clauses = [_lead(winners, rivals[0].difference, name)]
    beaten = [_with_error(r) for r in rivals if r.loses]
    ties = [_with_error(r) for r in rivals if not r.difference.significant]
    if beaten:
        clauses.append(f"it is better than {_listed(beaten)}")
    if ties:
        clauses.append(f"the difference from {_listed(ties)} is not significant")
    speeds = [_speed(seconds, r.seconds, r.name) for r in rivals if r.timed]
    clauses.append(", ".join([f"training took {number(seconds, 2)} s", *_joined(speeds)]))
    return "; ".join(clauses)


@dataclass(frozen=True, slots=True)
class TimeToQuality:
    """When a method's best model so far had ``error`` on the test rows; None if it never had.

    ``best`` is the lowest error that it reached at all, ``seconds`` counts from the start of its
    tuning and ``seconds_of_run`` from that of the one run that reached it.
    """

    error: float
    best: float
    seconds: float | None
    seconds_of_run: float | None


def time_to_quality(
    error: float, curve: Sequence[tuple[float, float]], *, tuning_seconds: float
) -> TimeToQuality:
    """Read the time to an error off a curve of (seconds of the run, test error).

    The stop is an oracle's, at the first point that is good enough, so the time is one that the
    method's user could not beat.
    """
    best = min(found for _, found in curve)
    reached = next((seconds for seconds, found in curve if found <= error), None)
    total = None if reached is None else tuning_seconds + reached
    return TimeToQuality(error, best, total, reached)


def _lead(winners: Sequence[Rival], any_difference: Difference, name: str) -> str:
    metric = any_difference.metric.replace("_", " ")
    if not winners:
        return f"No other method is significantly better than {name} with its {metric} of " + (
            number(any_difference.ours)
        )
    best, others = winners[0], [_with_error(r) for r in winners[1:]]
    found = best.difference
    also = f", and so do {_listed(others)}" if len(others) > 1 else ""
    also = also or (f", and so does {others[0]}" if others else "")
    return (
        f"{best.name[0].upper()}{best.name[1:]} wins here: {metric} "
        f"{number(found.baseline)} against "
        f"{number(found.ours)} of {name} (better by {number(found.low, 2)} to "
        f"{number(found.high, 2)} at 95 %){also}"
    )


def _with_error(rival: Rival) -> str:
    return f"{rival.name} ({number(rival.difference.baseline)})"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _joined(sentences: Sequence[str]) -> list[str]:
    """As one clause, or none."""
    return [_listed([s[0].lower() + s[1:] for s in sentences])] if sentences else []


def _resampled_means(losses: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Means over resampled blocks of rows, (resamples, 2).

    Rows are independent, so many random blocks vary as the rows do, at a cost that stays fixed.
    """
    n_rows = len(losses)
    n_blocks = min(n_rows, MAX_BLOCKS)
    starts = np.arange(n_blocks) * n_rows // n_blocks
    sums = np.add.reduceat(losses[rng.permutation(n_rows)], starts, axis=0)
    sizes = np.diff(starts, append=n_rows)
    means = np.empty((N_RESAMPLES, 2))
    for first in range(0, N_RESAMPLES, RESAMPLES_AT_ONCE):
        picked = rng.integers(n_blocks, size=(RESAMPLES_AT_ONCE, n_blocks))
        total = np.stack([sums[:, model][picked].sum(axis=1) for model in (0, 1)], axis=1)
        n_picked = sizes[picked].sum(axis=1, keepdims=True)
        means[first : first + RESAMPLES_AT_ONCE] = total / n_picked
    return means


def _speed(seconds: float, baseline_seconds: float, baseline: str) -> str:
    ratio = max(baseline_seconds, 1e-9) / max(seconds, 1e-9)
    if 1 / SAME_SPEED <= ratio <= SAME_SPEED:
        return f"As fast as {baseline}"
    factor, word = (ratio, "faster") if ratio > 1.0 else (1.0 / ratio, "slower")
    return f"{_factor(factor)}x {word} than {baseline}"


def _factor(value: float) -> str:
    return f"{value:.1f}" if value < 20 else f"{value:.0f}"


def _verdict(difference: Difference) -> str:
    if not difference.significant:
        return "difference not significant"
    word = "better" if difference.value < 0.0 else "worse"
    low, high = sorted([abs(difference.low), abs(difference.high)])
    return f"significantly {word}, by {low:.2g} to {high:.2g} at 95 %"
