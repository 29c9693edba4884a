"""The trained part: convex candidates on fixed features, the best by held-out loss kept.

``ridge`` is least squares on one column a class, its penalty chosen on held-out rows;
``logistic`` is multinomial logistic regression by L-BFGS on the leading principal components, which
took a sixth of the time of all features at nearly the same loss (20,000 digits, 1,728 features);
``kernel`` is kernel ridge on them in a metric of its own, carried over to a ReLU network.

Source: the parts name theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize
import torch
from numpy.typing import NDArray

from app.science import kernel_head
from app.science.linalg import (
    Floats,
    GramSums,
    RidgeFit,
    gram_sums,
    ridge_path,
    rows_per_block,
    threads_for,
    variances,
)
from app.science.mimicry import assembly
from app.science.mimicry import head as convex
from app.science.mimicry import target as targets
from app.science.mimicry.target import Ints, Target
from app.science.relu_network.network import INPUT, Network, Node

COMPONENTS, LEAST_VALUE, LEAST_UNIT = 512, 1e-6, 1e-12
KERNEL_BYTES = 2**31
N_SQUARES = 6
EVENED = 0.25
"""Distances of components count by their variance to the power of one half, not one."""
TEMPERATURES = (0.3, 20.0)
"""A least-squares fit of one-hot columns is far too flat for logits."""

Single = NDArray[np.float32]


def squares_bytes(width: int) -> int:
    """What the square float64 matrices of that many features take that live at once."""
    return N_SQUARES * 8 * width**2


@dataclass(frozen=True)
class Candidate:
    """A head as a network over the features, and its mean loss on the held-out rows."""

    name: str
    network: Network
    validation_loss: float
    n_validation: int

    @property
    def is_enough(self) -> bool:
        """All held-out rows together cost less than a nat, so that little is left to win."""
        whole = self.validation_loss * self.n_validation
        return self.network.task != "regression" and whole < 1.0

    def behind(self, weight: Floats, bias: Floats) -> "Candidate":
        """The same over features x of which those so far are x @ weight + bias; weight (p, q)."""
        (node,) = (node for node in self.network.nodes if INPUT in node.inputs)
        tensors = dict(self.network.tensors)
        old, offset = tensors[node.tensor("weight")], tensors[node.tensor("bias")]
        tensors |= {node.tensor("weight"): old @ weight.T, node.tensor("bias"): offset + old @ bias}
        return replace(self, network=replace(self.network, input_dim=len(weight), tensors=tensors))


@dataclass(frozen=True)
class HeadProblem:
    """What candidates share.

    features : of ``rows``, whose last axes are theirs; split : (fit, validation) rows; sums : of
    the fit rows
    """

    features: convex.Features
    rows: NDArray[Any]
    target: Target
    split: tuple[Ints, Ints]
    sums: GramSums
    seed: int
    memory_bytes: int
    device: torch.device | str

    @property
    def unit(self) -> Floats:
        """(m,), squared unit of each feature: its variance, or 1 where they share one."""
        shared = self.features.square is not None
        return np.ones(self.features.width) if shared else variances(self.sums)


def solve(  # noqa: PLR0913 - data, candidates and options, the options by name
    features: convex.Features,
    rows: NDArray[Any],
    target: Target,
    names: Sequence[str],
    *,
    seed: int,
    memory_bytes: int = KERNEL_BYTES,
    device: torch.device | str = "cpu",
) -> tuple[Candidate, Mapping[str, float]]:
    """Fit the named candidates, until one is enough, and keep the one of least held-out loss.

    Parameters
    ----------
    features : from a block of ``rows`` (n, ...) to (b, width), so that not all need exist at once
    memory_bytes, device : of the kernel's matrices

    Returns
    -------
    The best, refitted to all rows where that is linear algebra, and the loss of every fitted one
    """
    split = targets.holdout(target, seed)
    sums = gram_sums(features.blocks(rows, split[0], target.columns()))
    problem = HeadProblem(features, rows, target, split, sums, seed, memory_bytes, device)
    found: list[Candidate] = []
    for name in names:
        found.append(HEADS[name](problem))
        if found[-1].is_enough:
            break
    losses = {candidate.name: candidate.validation_loss for candidate in found}
    return min(found, key=lambda candidate: candidate.validation_loss), losses


def _ridge(problem: HeadProblem) -> Candidate:
    """The penalty is chosen on held-out rows; then all rows are used."""
    target, held, columns = problem.target, problem.split[1], problem.target.columns()
    held_features = problem.features.compute(problem.rows[held])
    chosen = _chosen(problem, held_features, columns[held])
    output = held_features @ chosen.weights + chosen.intercept
    factor = _temperature(target, output, held)
    loss = target.loss(factor * output, held)
    whole = problem.sums + gram_sums([(held_features, columns[held])])
    final = next(ridge_path(whole, problem.unit, penalties=[chosen.penalty]), chosen)
    network = _linear(target, factor * final.weights, factor * final.intercept)
    return Candidate("ridge", network, loss, len(held))


def _chosen(problem: HeadProblem, held_features: Single, held_columns: Floats) -> RidgeFit:
    """The largest penalty within one standard error of the least held-out squared error.

    It stops two steps after the minimum. Weights that live off the last digit would not survive
    another order of summation.
    """
    path: list[tuple[float, RidgeFit]] = []
    for fit in ridge_path(problem.sums, problem.unit, penalties=convex.RIDGE_PENALTIES):
        error = held_features @ fit.weights + fit.intercept - held_columns
        path.append((float((error**2).mean()), fit))
        if len(path) > 2 and path[-3][0] < min(path[-2][0], path[-1][0]):
            break
    limit = min(error for error, _ in path) * (1.0 + np.sqrt(2.0 / held_columns.size))
    return next(fit for error, fit in path if error <= limit)


def _temperature(target: Target, output: Floats, held: Ints) -> float:
    """The factor that turns least-squares outputs into logits."""
    if target.task == "regression":
        return 1.0
    low, high = TEMPERATURES
    found = scipy.optimize.minimize_scalar(
        lambda log: target.loss(np.exp(log) * output, held),
        bounds=(np.log(low), np.log(high)),
        method="bounded",
    )
    return float(np.exp(found.x))


def _logistic(problem: HeadProblem) -> Candidate:
    target, split = problem.target, problem.split
    weight, bias, rows = _components(problem)
    # The components' own unit: leading ones are penalized less.
    features = convex.Features(lambda rows: rows, rows.shape[1], square=np.eye(rows.shape[1]))
    found = convex.solve(features, rows, target, split)
    found = convex.refit(found, features, rows, target, split)
    network = _linear(target, weight @ found.weights, bias @ found.weights + found.intercept)
    return Candidate("logistic", network, found.validation_loss, len(split[1]))


def _kernel(problem: HeadProblem) -> Candidate:
    target, held = problem.target, problem.split[1]
    weight, bias, rows = _components(problem, evened=EVENED)
    teacher, scores = kernel_head.fit(
        rows,
        target,
        problem.split,
        seed=problem.seed,
        memory_bytes=problem.memory_bytes,
        device=problem.device,
    )
    factor = _temperature(target, scores, held)
    teacher = replace(teacher, validation_loss=target.loss(factor * scores, held))
    network = assembly.network(teacher, assembly.copied(teacher, rows), temperature=factor)
    network = _after(network, weight, bias)
    return Candidate("kernel", network, teacher.validation_loss, len(held))


HEADS: Mapping[str, Callable[[HeadProblem], Candidate]] = {
    "ridge": _ridge,
    "logistic": _logistic,
    "kernel": _kernel,
}


def _components(problem: HeadProblem, *, evened: float = 0.0) -> tuple[Floats, Floats, Single]:
    """Leading components of the standardized features: weight, bias (r,) and scores (n, r).

    Parameters
    ----------
    evened : scores are divided by their variance to this power
    """
    sums, unit = problem.sums, problem.unit
    scale = 1.0 / np.sqrt(np.where(unit > LEAST_UNIT * unit.max(), unit, np.inf))
    correlation = sums.gram / sums.n * np.outer(scale, scale)
    last = len(correlation) - 1
    with threads_for(len(correlation)):
        values, vectors = scipy.linalg.eigh(
            correlation,
            overwrite_a=True,
            check_finite=False,
            subset_by_index=[max(0, last - COMPONENTS + 1), last],
        )
    real = values > LEAST_VALUE * values[-1]
    weight = scale[:, None] * vectors[:, real][:, ::-1] / values[real][::-1] ** evened
    bias = -sums.feature_mean @ weight
    single, shift, rows = weight.astype(np.float32), bias.astype(np.float32), problem.rows
    step = rows_per_block(len(weight), itemsize=4)
    blocks = (rows[i : i + step] for i in range(0, len(rows), step))
    scores = [problem.features.compute(block) @ single + shift for block in blocks]
    return weight, bias, np.concatenate(scores)


def _linear(target: Target, weights: Floats, intercept: Floats) -> Network:
    """The affine network in the target's unit."""
    node = Node("head", "affine", (INPUT,))
    bias = intercept * target.scale + target.center
    tensors = {node.tensor("weight"): weights.T * target.scale, node.tensor("bias"): bias}
    return Network(target.task, len(weights), node.name, target.classes, (node,), tensors)


def _after(network: Network, weight: Floats, bias: Floats) -> Network:
    """The network behind an affine map of its input."""
    node = Node("components", "affine", (INPUT,))
    tensors = {node.tensor("weight"): weight.T, node.tensor("bias"): bias, **network.tensors}
    later = tuple(
        replace(n, inputs=tuple(node.name if i == INPUT else i for i in n.inputs))
        for n in network.nodes
    )
    nodes = (node, *later)
    return replace(network, input_dim=len(weight), nodes=nodes, tensors=tensors)
