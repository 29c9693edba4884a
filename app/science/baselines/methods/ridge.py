"""Ridge: the linear model that everything else has to beat.

One eigendecomposition of the Gram matrix gives the weights for every penalty; validation rows
choose. Classes are learned by least squares on indicators; their scores, clipped to positive
and normalized, are read as probabilities.

Source: Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634. Differs from the paper: the
penalty is chosen on validation rows instead of from the ridge trace.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.baselines.baseline import Baseline, BaselineResult, CurvePoint, Problem
from app.science.evaluation.metrics import evaluate, headline
from app.science.relu_network.network import INPUT, Network, Node, Task

SMALLEST_SCORE = 1e-3


@dataclass(frozen=True, slots=True)
class Ridge:
    """Ridge regression on standardized columns.

    Parameters
    ----------
    penalties : candidates, relative to the largest eigenvalue of the Gram matrix
    """

    penalties: tuple[float, ...] = tuple(10.0**power for power in range(-8, 1))

    def run(
        self,
        problem: Problem,
        *,
        seed: int,  # noqa: ARG002 (nothing here is random)
        budget_seconds: float,  # noqa: ARG002 (takes less than any budget)
        device: str = "cpu",  # noqa: ARG002 (numpy)
    ) -> BaselineResult:
        """Solve for all penalties at once; the best one on validation rows predicts."""
        start = time.perf_counter()
        path = _solve(problem)
        scored = [
            (_headline(problem, path.predict(problem.validation_x, p)), p) for p in self.penalties
        ]
        metric, penalty = min(scored)
        prediction = path.predict(problem.test_x, penalty)
        seconds = time.perf_counter() - start
        return BaselineResult(
            name="ridge",
            prediction_test=prediction,
            validation_metric=metric,
            seconds_total=seconds,
            seconds_final=seconds,
            n_parameters=(len(path.center) + 1) * problem.n_outputs,
            curve=(CurvePoint(seconds, _loss(problem, path, penalty), metric),),
            settings={"penalty": penalty},
            network=path.network(problem, penalty),
        )


def _headline(problem: Problem, prediction: NDArray[np.float64]) -> float:
    return headline(problem.task, problem.validation_y, prediction, problem.class_weights)


@dataclass(frozen=True)
class _Path:
    """Ridge for every penalty: Gram eigenpairs and the targets' projections on them, (p, c)."""

    task: Task
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    eigenvectors: NDArray[np.float64]
    projected: NDArray[np.float64]

    def predict(self, x: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
        """(n,) values or (n, c) probabilities."""
        standardized = (x - self.center) / self.scale
        scores: NDArray[np.float64] = standardized @ self.weights(penalty) + self.offset
        return scores[:, 0] if self.task == "regression" else _probabilities(scores)

    def weights(self, penalty: float) -> NDArray[np.float64]:
        """(p, c), of standardized columns."""
        damped = np.maximum(self.eigenvalues, 0.0) + penalty * self.eigenvalues[-1]
        found: NDArray[np.float64] = self.eigenvectors @ (self.projected / damped[:, None])
        return found

    def network(self, problem: Problem, penalty: float) -> Network:
        """One affine layer over encoded rows."""
        weight = self.weights(penalty).T / self.scale
        node = Node("ridge", "affine", (INPUT,))
        bias = self.offset - weight @ self.center
        tensors = {node.tensor("weight"): weight, node.tensor("bias"): bias}
        return problem.network(
            (node,), {name: array.astype(np.float32) for name, array in tensors.items()}
        )


def _solve(problem: Problem) -> _Path:
    center, scale = problem.train_x.mean(axis=0), problem.train_x.std(axis=0)
    scale[scale == 0.0] = 1.0
    X = (problem.train_x - center) / scale
    targets = _targets(problem)
    offset = targets.mean(axis=0)
    eigenvalues, eigenvectors = np.linalg.eigh(X.T @ X / len(X))
    projected = eigenvectors.T @ (X.T @ (targets - offset)) / len(X)
    return _Path(problem.task, center, scale, offset, eigenvalues, eigenvectors, projected)


def _loss(problem: Problem, path: _Path, penalty: float) -> float:
    y, prediction = problem.validation_y, path.predict(problem.validation_x, penalty)
    if problem.task == "regression":
        return float(np.mean((prediction - y) ** 2) / problem.train_y.var())
    return evaluate(problem.task, y, prediction)["log_loss"]


def _targets(problem: Problem) -> NDArray[np.float64]:
    """(n, c): the value, or one indicator a class."""
    if problem.task == "regression":
        return problem.train_y[:, None].astype(np.float64)
    indicators: NDArray[np.float64] = np.eye(problem.n_classes)[problem.train_y]
    return indicators


def _probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = np.maximum(scores, SMALLEST_SCORE)
    shares: NDArray[np.float64] = positive / positive.sum(axis=1, keepdims=True)
    return shares


PLUGIN: type[Baseline] = Ridge
