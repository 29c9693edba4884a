"""The numbers of the mimicry benchmark's bars: ranks, regrets, time ratios, slopes. Pure functions.

A table's losses map a competitor to its loss; one that did not run is absent.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

Losses = Mapping[str, float]


def ranks(losses: Losses, names: Sequence[str]) -> dict[str, float]:
    """Rank of each name from 1, ties shared; who did not run shares the ranks at the end."""
    order = rankdata([losses.get(name, math.inf) for name in names])
    return {name: float(rank) for name, rank in zip(names, order, strict=True)}


def mean_ranks(tables: Iterable[Losses], names: Sequence[str]) -> dict[str, float]:
    """Mean over tables of each name's rank."""
    found = [ranks(losses, names) for losses in tables]
    return {name: float(np.mean([each[name] for each in found])) for name in names}


def regret(losses: Losses, ours: str) -> float:
    """Our loss over the least of the others, less one; negative where ours is the least."""
    best = min(loss for name, loss in losses.items() if name != ours)
    return losses[ours] / best - 1.0


def seconds_to_reach(curve: Sequence[Sequence[float]], loss: float, total: float) -> float:
    """Seconds until a curve of (seconds, loss) first reaches ``loss``; ``total`` if never."""
    return next((seconds for seconds, found in curve if found <= loss), total)


def geometric_mean(values: Iterable[float]) -> float:
    """Of positive values."""
    return math.exp(float(np.mean([math.log(value) for value in values])))


def log_slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Least-squares slope of log cost in log size."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def certificate_holds(certified: float | None, observed: float) -> bool:
    """No certificate claims nothing; one that claims must lie at or above what was seen."""
    return certified is None or certified >= observed


def smallest_reaching(models: Iterable[tuple[int, float]], loss: float) -> int | None:
    """Fewest parameters among (parameters, loss) with at most ``loss``; None if none has."""
    return min((size for size, found in models if found <= loss), default=None)
