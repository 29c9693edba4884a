"""Support vector machines: the teacher whose weights are bounded before it is trained.

Regression is epsilon-SVR. Classes are one C-SVC against the rest each (a single one for two
classes); a convex multinomial Platt scaling, fitted on cross-fitted decision values, turns the
decisions into logits. The cost C bounds every weight, so the carried network's error is bounded
in advance: ``details`` holds the numbers.

Source: Smola and Schoelkopf 2004, doi:10.1023/B:STCO.0000035301.49549.88. Platt 1999,
"Probabilistic outputs for support vector machines". Gunter and Zhu 2007, "Efficient computation
and model selection for the support vector regression" (free support vectors as degrees of
freedom). Differs from the papers: the scaling is one matrix for all classes, held by a unit prior.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize
import torch
from sklearn.svm import SVC, SVR

from app.science.errors import ScienceError
from app.science.linalg import Floats, median_squared_distance, squared_distances
from app.science.mimicry.kernels import KERNELS
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress, Teacher

MAX_ROWS = 10_000
RACE_ROWS = 1000
FOLDS = 3
COSTS = (1.0, 10.0)
EPSILONS = (0.03, 0.1)
"""In standard deviations of the target."""
BANDWIDTHS = (0.5, 1.0, 2.0)
"""In median distances."""
CACHE_MIB = 500.0

Say = Callable[[float, str], None]


class TooManyRows(ScienceError):
    """The machine's cost grows faster than the square of its rows."""

    def __init__(self, *, most: int, got: int) -> None:
        self.most, self.got = most, got
        super().__init__(
            f"the teacher support_vector takes at most {most} fit rows, got {got};"
            " use the teacher nystrom_ridge, whose cost is linear in the rows, or fewer rows"
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """C, the width of the insensitive tube (0 for classes) and the bandwidth, squared, of z."""

    cost: float
    epsilon: float
    squared_bandwidth: float


@dataclass(frozen=True)
class Machines:
    """Decision values = kernel against ``centers`` @ weights + intercept.

    rows : (m,), row numbers of the support vectors; centers : (m, q); weights : (m, k), each
    at most C in absolute value; intercept : (k,); n_free : most weights of a column that lie
    strictly inside their bounds
    """

    rows: Ints
    centers: Floats
    weights: Floats
    intercept: Floats
    n_free: int

    def decide(self, Z: Floats, squared_bandwidth: float) -> Floats:
        """(n, k)."""
        s = squared_distances(torch.as_tensor(Z), torch.as_tensor(self.centers))
        features = KERNELS["gauss"].profile(s / squared_bandwidth).numpy()
        return np.asarray(features @ self.weights + self.intercept)


@dataclass(frozen=True, slots=True)
class SupportVector:
    """Gaussian kernel on z = x @ metric.

    metric : (p, q), by default the identity over the rows' standard deviation
    """

    metric: Floats | None = None
    max_rows: int = MAX_ROWS

    def fit(
        self,
        X: Floats,
        target: Target,
        split: tuple[Ints, Ints],
        *,
        seed: int,
        max_centers: int | None = None,  # noqa: ARG002 (their number is not chosen)
        progress: Progress = None,
    ) -> FittedTeacher:
        """Race of settings on a sample, then the winner on all fit rows.

        Raises
        ------
        TooManyRows
            More fit rows than ``max_rows``.
        """
        if len(split[0]) > self.max_rows:
            raise TooManyRows(most=self.max_rows, got=len(split[0]))
        say = progress or (lambda _fraction, _message: None)
        metric = _identity(X[split[0]]) if self.metric is None else self.metric
        Z = X @ metric
        race: list[tuple[float, Setting]] = []
        for setting in _settings(Z[split[0]], target, np.random.default_rng([seed, 17])):
            say(0.05 + 0.02 * len(race), "race of costs and bandwidths")
            race.append((_race_loss(Z, target, split, setting), setting))
        setting = min(race, key=lambda pair: pair[0])[1]
        say(0.4, "machine on all rows")
        machines = train(Z, target, split[0], setting)
        scaling = _scaling(Z, target, split[0], setting, say)
        return _fitted(target, split, (metric, Z), (machines, scaling, setting), seed)


def _identity(rows: Floats) -> Floats:
    return np.eye(rows.shape[1]) / max(float(rows.std()), 1e-12)


def _settings(Z: Floats, target: Target, rng: np.random.Generator) -> Iterator[Setting]:
    median = median_squared_distance(Z, rng)
    epsilons = EPSILONS if target.task == "regression" else (0.0,)
    for factor in BANDWIDTHS:
        for cost in COSTS:
            for epsilon in epsilons:
                yield Setting(cost, epsilon, median * factor**2)


def _race_loss(Z: Floats, target: Target, split: tuple[Ints, Ints], setting: Setting) -> float:
    """Held-out loss of a machine on a sample; classes are scaled on the other held-out half."""
    held = split[1]
    machines = train(Z, target, split[0][:RACE_ROWS], setting)
    decisions = machines.decide(Z[held], setting.squared_bandwidth)
    if target.task == "regression":
        return target.loss(decisions, held)
    halves = np.arange(len(held)) % 2 == 0
    losses = []
    for half in (halves, ~halves):
        slope, offset = platt(decisions[~half], target.raw[held[~half]], target.n_outputs)
        losses.append(target.losses(decisions[half] @ slope + offset, held[half]))
    return float(np.concatenate(losses).mean())


def train(Z: Floats, target: Target, rows: Ints, setting: Setting) -> Machines:
    """One machine a decision column, on the given rows."""
    solved = [_solve(Z[rows], labels, target, setting) for labels in _labels(target, rows)]
    dense = np.column_stack([weights for weights, _ in solved])
    kept = np.flatnonzero(dense.any(axis=1))
    size = np.abs(dense)
    n_free = int(((size > 0.0) & (size < setting.cost * (1.0 - 1e-9))).sum(axis=0).max())
    intercept = np.array([intercept for _, intercept in solved])
    return Machines(rows[kept], Z[rows[kept]], dense[kept], intercept, n_free)


def _labels(target: Target, rows: Ints) -> list[Any]:
    if target.task == "regression":
        return [target.columns()[rows, 0]]
    positives = [1] if target.n_outputs == 2 else range(target.n_outputs)
    return [target.raw[rows] == code for code in positives]


def _solve(Z: Floats, labels: Any, target: Target, setting: Setting) -> tuple[Floats, float]:  # noqa: ANN401 - numbers or booleans
    weights = np.zeros(len(Z))
    if target.task != "regression" and labels.all() == labels.any():
        return weights, 1.0 if labels.all() else -1.0
    options: dict[str, Any] = {
        "C": setting.cost,
        "gamma": 0.5 / setting.squared_bandwidth,
        "cache_size": CACHE_MIB,
    }
    regression = target.task == "regression"
    machine = SVR(epsilon=setting.epsilon, **options) if regression else SVC(**options)
    machine.fit(Z, labels)
    weights[machine.support_] = machine.dual_coef_[0]
    return weights, float(machine.intercept_[0])


def _scaling(
    Z: Floats, target: Target, rows: Ints, setting: Setting, say: Say
) -> tuple[Floats, Floats]:
    """Slope (k, c) and offset (c,) from decision values to the output."""
    if target.task == "regression":
        return np.eye(1), np.zeros(1)
    folds = _folds(target.raw[rows])
    decisions = np.empty((len(rows), len(_labels(target, rows))))
    for fold in range(FOLDS):
        say(0.6 + 0.1 * fold, "cross-fitted decisions")
        out = folds == fold
        machines = train(Z, target, rows[~out], setting)
        decisions[out] = machines.decide(Z[rows[out]], setting.squared_bandwidth)
    return platt(decisions, target.raw[rows], target.n_outputs)


def _folds(codes: Ints) -> Ints:
    """Fold of each row, so that every class is spread over all of them."""
    folds = np.empty(len(codes), dtype=np.int64)
    folds[np.argsort(codes, kind="stable")] = np.arange(len(codes)) % FOLDS
    return folds


def platt(decisions: Floats, codes: Ints, n_classes: int) -> tuple[Floats, Floats]:
    """Multinomial logistic regression of classes on decision values (n, k), with a unit prior.

    Returns
    -------
    Slope (k, c) and offset (c,): logits = decisions @ slope + offset
    """
    inputs = np.hstack([decisions, np.ones((len(decisions), 1))])
    wanted = np.eye(n_classes)[codes]

    def objective(flat: Floats) -> tuple[float, Floats]:
        parameters = flat.reshape(-1, n_classes)
        logits = inputs @ parameters
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        norm = odds.sum(axis=1, keepdims=True)
        loss = np.log(norm).sum() - (wanted * logits).sum() + 0.5 * (flat**2).sum()
        slope = inputs.T @ (odds / norm - wanted) + parameters
        return float(loss), slope.ravel()

    start = np.zeros(inputs.shape[1] * n_classes)
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B").x
    parameters = found.reshape(-1, n_classes)
    return parameters[:-1], parameters[-1]


def _fitted(
    target: Target,
    split: tuple[Ints, Ints],
    space: tuple[Floats, Floats],
    solution: tuple[Machines, tuple[Floats, Floats], Setting],
    seed: int,
) -> FittedTeacher:
    (metric, Z), (machines, (slope, offset), setting) = space, solution
    held, p = split[1], len(metric)
    output = machines.decide(Z[held], setting.squared_bandwidth) @ slope + offset
    values = np.linalg.eigvalsh(metric @ metric.T)[::-1].clip(0.0)
    return FittedTeacher(
        name="support_vector",
        task=target.task,
        classes=target.classes,
        seed=seed,
        center=target.center,
        scale=target.scale,
        kernel="gauss",
        squared_bandwidth=setting.squared_bandwidth,
        penalty=0.5 / (setting.cost * len(split[0])),
        effective_dof=machines.n_free + 1.0,
        validation_loss=target.loss(output, held),
        ridge_validation_loss=None,
        metric=metric,
        centers=machines.centers,
        weights=machines.weights @ slope,
        linear=np.zeros((p, target.n_outputs)),
        intercept=machines.intercept @ slope + offset,
        spectrum=values / values.sum(),
        details=_details(split, machines, slope, setting),
    )


def _details(
    split: tuple[Ints, Ints], machines: Machines, slope: Floats, setting: Setting
) -> dict[str, Any]:
    """The a-priori bound: no output's weights add up to more than ``weight_norm_1_bound``."""
    n_support = len(machines.rows)
    steepest = float(np.abs(slope).sum(axis=0).max())
    return {
        "n_fit": len(split[0]),
        "n_validation": len(split[1]),
        "C": setting.cost,
        "epsilon": setting.epsilon,
        "n_support": n_support,
        "weight_norm_1": float(np.abs(machines.weights @ slope).sum(axis=0).max()),
        "weight_norm_1_bound": setting.cost * n_support * steepest,
    }


PLUGIN: type[Teacher] = SupportVector
