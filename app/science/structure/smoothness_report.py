"""How smooth the target is over the columns, whether it jumps, and which methods that favors.

Source: the modules named in the steps. Differs from them in nothing; this file only orders.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.errors import DegenerateDistances, TooFewRows
from app.science.linalg import Floats, one_thread
from app.science.mimicry import target as targets
from app.science.relu_network.network import Task
from app.science.structure import contest as contests
from app.science.structure import probe
from app.science.structure.contest import Contest
from app.science.structure.learning_curve_smoothness import LearningCurve, smoothness_from_curve
from app.science.structure.near_pairs import MIN_ROWS, NearPairs, near_pairs
from app.science.structure.noise import Estimate, NoiseLevel, noise_level
from app.science.structure.phase_diagram import Position, locate
from app.science.structure.singularity import Verdict, judge
from app.science.structure.structure_function import StructureFunction, structure_function

FORMAT = "adaptnet-smoothness/1"
FEW_COLUMNS = 10
"""Up to so many columns distances count all of them alike, beyond them those of the metric."""
PAIR_ROWS = 5000
CLASSES_NOTE = (
    "classes: what is measured is the probability of a class; differences of labels are 0 or 1, so "
    "their powers and with them zeta_1, zeta_4 and the jump index say nothing"
)
MANY_CLASSES_NOTE = "more than two classes: measured for one half of them against the other"
NO_PAIRS_NOTE = "too many rows coincide for a structure function; the contest alone decides"


@dataclass(frozen=True)
class SmoothnessReport:
    """Everything that was measured. Variances are in units of the target's own.

    metric : ``columns``, or how distances were learned; structure : None where too many rows
    coincide; notes : what does not apply and why
    """

    n: int
    n_used: int
    task: Task
    unit: float
    metric: str
    noise: NoiseLevel | None
    structure: StructureFunction | None
    contest: Contest
    learning_curve: LearningCurve
    verdict: Verdict
    smoothness: Estimate
    position: Position
    notes: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "format": FORMAT,
            "n": self.n,
            "n_used": self.n_used,
            "task": self.task,
            "unit": self.unit,
            "metric": self.metric,
            "noise": self.noise.to_json() if self.noise else None,
            "structure_function": self.structure.to_json() if self.structure else None,
            "contest": self.contest.to_json(),
            "learning_curve": self.learning_curve.to_json(),
            "verdict": self.verdict.to_json(),
            "smoothness": self.smoothness.to_json(),
            "phase": self.position.to_json(),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class _Sample:
    """Rows in random order and their standardized target."""

    X: Floats
    y: Floats
    task: Task
    shape: probe.Shape
    contest: Contest
    rng: np.random.Generator

    @property
    def by_columns(self) -> bool:
        return self.X.shape[1] <= FEW_COLUMNS and self.shape.metric.start != "given"


def measure(
    X: NDArray[Any],
    y: NDArray[Any],
    task: Task,
    *,
    metric: Floats | None = None,
    dimension: Estimate | None = None,
    seed: int = 0,
) -> SmoothnessReport:
    """Measure smoothness and jumps.

    Parameters
    ----------
    X : (n, p), encoded rows; y : (n,), numbers, or class numbers from 0
    metric : (p, q), z = x @ metric in which distances count; learned here where none is given
    dimension : intrinsic, with its interval; by default the number of columns

    Raises
    ------
    TooFewRows, DegenerateTarget
        Fewer than 200 rows, or a target of one value only.
    """
    began = time.perf_counter()
    if len(X) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(X))
    values, unit = _scalar(np.asarray(y), task)
    with one_thread():  # of a BLAS: no product here is wide enough for several
        sample = _sample(np.asarray(X, dtype=np.float64), values, task, metric, seed)
        noise, structure = _pairs_view(sample)
    d = dimension or Estimate(X.shape[1], X.shape[1], X.shape[1])
    ceiling = sample.contest.least_loss
    level = noise.variance if noise else Estimate(0.0, 0.0, ceiling)
    curve = smoothness_from_curve(sample.contest, level, d, sample.rng)
    verdict = judge(structure.jump_index if structure else None, sample.contest)
    smoothness = _smoothness(curve, structure, verdict)
    return SmoothnessReport(
        n=len(X),
        n_used=len(sample.X),
        task=task,
        unit=unit,
        metric="columns" if sample.by_columns else sample.shape.metric.start,
        noise=noise,
        structure=structure,
        contest=sample.contest,
        learning_curve=curve,
        verdict=verdict,
        smoothness=smoothness,
        position=locate(verdict.side, smoothness, d, sample.rng),
        notes=_notes(task, structure),
        seconds=time.perf_counter() - began,
    )


def _scalar(y: NDArray[Any], task: Task) -> tuple[Floats, float]:
    """One standardized number a row, and its unit; for classes, one half of them against the other.

    The halves are as even as they come: the largest classes first, each to the lighter half.
    """
    target = targets.make(y, task)
    if task == "regression":
        return target.columns()[:, 0], target.scale
    counts = np.bincount(target.raw)
    weight, member = [0, 0], np.zeros(len(counts))
    for code in np.argsort(-counts, kind="stable"):
        half = int(weight[1] < weight[0])
        member[code] = half
        weight[half] += int(counts[code])
    values = member[target.raw]
    unit = float(values.std())
    return (values - values.mean()) / unit, unit


def _sample(X: Floats, y: Floats, task: Task, metric: Floats | None, seed: int) -> _Sample:
    rng = np.random.default_rng([seed, 31])
    rows = rng.permutation(len(X))[: max(contests.MOST_ROWS, PAIR_ROWS)]
    X, y = X[rows], y[rows]
    most = contests.MOST_ROWS
    shape = probe.choose(X[:most], y[:most], rng, metric)
    return _Sample(X, y, task, shape, contests.hold(X[:most], y[:most], shape), rng)


def _pairs_view(sample: _Sample) -> tuple[NoiseLevel | None, StructureFunction | None]:
    """Noise and exponents, or None where too many rows coincide."""
    X, y = sample.X[:PAIR_ROWS], sample.y[:PAIR_ROWS]
    Z = X if sample.by_columns else X @ sample.shape.metric.matrix
    try:
        pairs = near_pairs(Z, y, sample.rng)
    except DegenerateDistances:
        return None, None
    ceiling = sample.contest.least_loss
    noise = noise_level(pairs, X, y, ceiling, sample.rng)
    return noise, _structure(sample, pairs, noise)


def _structure(sample: _Sample, pairs: NearPairs, noise: NoiseLevel) -> StructureFunction:
    found = structure_function(
        pairs,
        noise,
        residual_kurtosis=sample.contest.residual_kurtosis,
        rng=sample.rng,
    )
    return found if sample.task == "regression" else found.second_moment_only()


def _smoothness(
    curve: LearningCurve, structure: StructureFunction | None, verdict: Verdict
) -> Estimate:
    """Of the pieces. Without jumps half of zeta_2 is min(b, 1), or less where it bends early.

    With jumps the learning curve is the jump's, and only the range of what can be told is left.
    """
    if verdict.side == "jump":
        return Estimate(1.0, 0.5, 2.0)
    found = curve.smoothness
    zeta = structure.zeta[2] if structure else None
    least = min(zeta.low / 2.0, 1.0) if zeta and verdict.side == "smooth" else 0.0
    return Estimate(*(max(v, least) for v in (found.value, found.low, found.high)))


def _notes(task: Task, structure: StructureFunction | None) -> tuple[str, ...]:
    notes = [] if structure else [NO_PAIRS_NOTE]
    if task != "regression":
        notes.append(CLASSES_NOTE)
    if task == "multiclass":
        notes.append(MANY_CLASSES_NOTE)
    return tuple(notes)
